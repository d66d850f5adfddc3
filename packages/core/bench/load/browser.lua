-- wrk: heads of about 700 bytes as a browser sends them, with another path and another cookie each time.
local before = "GET /shop/item-"
local middle = "?from=list&page=3 HTTP/1.1\r\nHost: shop.example.com\r\n"
  .. "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
  .. "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
  .. "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
  .. "Referer: http://shop.example.com/shop/list?page=3\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
  .. "Sec-Fetch-Site: same-origin\r\nUpgrade-Insecure-Requests: 1\r\nCache-Control: max-age=0\r\nPriority: u=0, i\r\n"
  .. "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; consent=1; seen="
local after = "\r\n\r\n"
local count = math.random(1000000)

function request()
  count = count + 1
  return before .. count .. middle .. count .. after
end
