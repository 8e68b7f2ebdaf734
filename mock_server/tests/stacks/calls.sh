# The calls of test_stacks.py with `curl --http2`, which offers HTTP/2 with `Upgrade`.
set -eu
base=$1 token=$2 order=$3 picture=$4

call() { curl -sS --http2 --max-time 20 "$@"; }
post() { call -H "Authorization: Bearer $token" -H "Content-Type: application/json" "$@"; }
# Print the status, which comes last, before the answer.
tell() { sed "s/\(.*\) \(.*\)/$1 \2 \1/"; }

# Two calls on one connection.
post -o - -o - -w ' %{http_code}\n' -d "$order" "$base/v1/jobs/credits" "$base/v1/jobs/credits" |
    tell call | sed '1s/call/body/; 2s/call/keep-alive/'
post -w ' %{http_code}\n' -H "Expect: 100-continue" -d "$order" "$base/v1/jobs/credits" | tell expect
post -w ' %{http_code}\n' -H "Transfer-Encoding: chunked" -d "$order" "$base/v1/jobs/credits" | tell chunked
put_url=$(post -d '{}' "$base/v1/resource/image" | sed 's/.*"putUrl":"\([^"]*\)".*/\1/')
call -o /dev/null -w 'upload %{http_code}\n' -T "$picture" "$put_url"
call -o /dev/null -w 'chunked-upload %{http_code}\n' -T - "$put_url" <"$picture"
