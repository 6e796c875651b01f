#!/usr/bin/env ruby
# Publishes over HTTP: publish_http.rb TOPIC MESSAGE [EVENT [ID]]
require "erb"
require "json"
require "net/http"

abort "usage: publish_http.rb TOPIC MESSAGE [EVENT [ID]]" unless ARGV.size.between?(2, 4)
topic, message, event, id = ARGV

base = ENV.fetch("SLUICE_URL", "http://127.0.0.1:8080")
uri = URI("#{base}/publish/#{ERB::Util.url_encode(topic)}")
uri.query = URI.encode_www_form(event: event.to_s, id: id.to_s)
headers = {"Content-Type" => "text/plain; charset=utf-8"}
headers["Authorization"] = "Bearer #{ENV["SLUICE_TOKEN"]}" if ENV["SLUICE_TOKEN"]

begin
  response = Net::HTTP.post(uri, message, headers)
rescue SystemCallError, SocketError, Timeout::Error => error
  abort "publish_http.rb: #{error.message}"
end
abort "publish_http.rb: #{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)
puts "published as #{JSON.parse(response.body)["id"]}"
