<?php
// The calls of test_stacks.py with PHP's curl extension.
[, $base, $token, $order, $picture] = $argv;

$handle = curl_init();

function send(array $options): string
{
    global $handle;
    curl_reset($handle); // keeps the connection
    curl_setopt_array($handle, $options + [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 20]);
    $text = curl_exec($handle);
    if ($text === false) {
        fwrite(STDERR, curl_error($handle));
        exit(1);
    }
    return curl_getinfo($handle, CURLINFO_RESPONSE_CODE) . " $text";
}

function post(string $path, string $body, array $options = []): string
{
    global $base, $token;
    return send($options + [
        CURLOPT_URL => $base . $path,
        CURLOPT_POSTFIELDS => $body,
        CURLOPT_HTTPHEADER => headers($token),
    ]);
}

function headers(string $token, string ...$more): array
{
    return ["Authorization: Bearer $token", 'Content-Type: application/json', ...$more];
}

/** Options for a body whose length curl does not know, so that it is sent in chunks. */
function stream(string $body): array
{
    $file = fopen('php://memory', 'w+');
    fwrite($file, $body);
    rewind($file);
    return [CURLOPT_UPLOAD => true, CURLOPT_READFUNCTION => fn ($handle, $input, $most) => fread($file, $most)];
}

echo 'body ', post('/v1/jobs/credits', $order), "\n";
echo 'keep-alive ', post('/v1/jobs/credits', $order), "\n";
echo 'expect ', post('/v1/jobs/credits', $order, [CURLOPT_HTTPHEADER => headers($token, 'Expect: 100-continue')]), "\n";
$chunked = [CURLOPT_URL => "$base/v1/jobs/credits", CURLOPT_CUSTOMREQUEST => 'POST', CURLOPT_HTTPHEADER => headers($token)];
echo 'chunked ', send($chunked + stream($order)), "\n";
$putUrl = json_decode(explode(' ', post('/v1/resource/image', '{}'), 2)[1])->putUrl;
$pixels = file_get_contents($picture);
$file = fopen($picture, 'r');
$known = [CURLOPT_UPLOAD => true, CURLOPT_INFILE => $file, CURLOPT_INFILESIZE => strlen($pixels)];
echo 'upload ', substr(send([CURLOPT_URL => $putUrl] + $known), 0, 3), "\n";
echo 'chunked-upload ', substr(send([CURLOPT_URL => $putUrl] + stream($pixels)), 0, 3), "\n";
