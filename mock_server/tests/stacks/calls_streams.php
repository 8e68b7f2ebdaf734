<?php
// The calls of test_stacks.py with PHP's streams: each opens a connection, and none sends chunks.
[, $base, $token, $order, $picture] = $argv;

function send(string $method, string $url, string $body, array $headers): string
{
    $http = ['method' => $method, 'content' => $body, 'header' => $headers, 'ignore_errors' => true, 'timeout' => 20];
    $text = file_get_contents($url, false, stream_context_create(['http' => $http]));
    if ($text === false) {
        exit(1);
    }
    $statuses = preg_grep('/^HTTP/', $http_response_header);
    return explode(' ', end($statuses))[1] . " $text";
}

function post(string $path, string $body, string ...$more): string
{
    global $base, $token;
    $headers = ["Authorization: Bearer $token", 'Content-Type: application/json', ...$more];
    return send('POST', $base . $path, $body, $headers);
}

echo 'body ', post('/v1/jobs/credits', $order), "\n";
echo 'expect ', post('/v1/jobs/credits', $order, 'Expect: 100-continue'), "\n";
$putUrl = json_decode(explode(' ', post('/v1/resource/image', '{}'), 2)[1])->putUrl;
echo 'upload ', substr(send('PUT', $putUrl, file_get_contents($picture), ['Content-Type: image/png']), 0, 3), "\n";
