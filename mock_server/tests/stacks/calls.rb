# The calls of test_stacks.py with Ruby's net/http.
require "json"
require "net/http"
require "stringio"

base, token, order, picture = ARGV
site = URI(base)
HTTP = Net::HTTP.new(site.host, site.port, nil)
HTTP.use_ssl = site.scheme == "https"
HTTP.continue_timeout = 20
HTTP.start

def send_body(request, body, chunked: false)
  if chunked
    request["Transfer-Encoding"] = "chunked"
    request.body_stream = StringIO.new(body)
  else
    request.body = body
  end
  HTTP.request(request)
end

post = lambda do |path, body, headers = {}, **how|
  about = { "Authorization" => "Bearer #{token}", "Content-Type" => "application/json" }
  send_body(Net::HTTP::Post.new(path, about.merge(headers)), body, **how)
end

def tell(check, answer)
  puts "#{check} #{answer.code} #{answer.body}"
end

tell "body", post.("/v1/jobs/credits", order)
tell "keep-alive", post.("/v1/jobs/credits", order)
tell "expect", post.("/v1/jobs/credits", order, { "Expect" => "100-continue" })
tell "chunked", post.("/v1/jobs/credits", order, chunked: true)
target = URI(JSON.parse(post.("/v1/resource/image", "{}").body)["putUrl"]).request_uri
pixels = File.binread(picture)
[["upload", false], ["chunked-upload", true]].each do |check, chunked|
  answer = send_body(Net::HTTP::Put.new(target, { "Content-Type" => "image/png" }), pixels, chunked:)
  puts "#{check} #{answer.code}"
end
