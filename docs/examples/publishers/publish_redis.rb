#!/usr/bin/env ruby
# Publishes through Redis: publish_redis.rb CHANNEL MESSAGE [EVENT [ID]]
# With EVENT the message is an envelope, as a topic with `format: envelope` takes it.
require "json"
require "redis"

abort "usage: publish_redis.rb CHANNEL MESSAGE [EVENT [ID]]" unless ARGV.size.between?(2, 4)
channel, message, event, id = ARGV
message = JSON.generate({data: message, event: event, id: id}.compact) if event

begin
  redis = Redis.new(url: ENV.fetch("REDIS_URL", "redis://127.0.0.1:6379"))
  puts "received by #{redis.publish(channel, message)} gateways"
rescue Redis::BaseError => error
  abort "publish_redis.rb: #{error.message}"
end
