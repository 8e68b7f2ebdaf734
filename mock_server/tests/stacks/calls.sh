# The calls of test_stacks.py with `curl --http2`, which offers HTTP/2 with `Upgrade`.
set -eu
base=$1 token=$2 order=$3 picture=$4

call() { curl -sS --http2 --noproxy '*' --max-time 20 -w '\n' "$@"; }
post() { call -H "Authorization: Bearer $token" -H "Content-Type: application/json" "$@"; }

# Two calls on one connection.
post -o - -w ' %{http_code}\n' -d "$order" "$base/v1/jobs/credits" "$base/v1/jobs/credits" |
    sed 's/\(.*\) \(.*\)/\2 \1/'
post -w ' %{http_code}\n' -H "Expect: 100-continue" -d "$order" "$base/v1/jobs/credits" |
    sed 's/\(.*\) \(.*\)/\2 \1/'
put_url=$(post -d '{}' "$base/v1/resource/image" | sed 's/.*"putUrl":"\([^"]*\)".*/\1/')
call -o /dev/null -w '%{http_code} uploaded\n' -T "$picture" "$put_url"
