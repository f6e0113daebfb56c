#include "lamina/io/download.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "lamina/io/files.h"
#include "tests/support/files.h"

namespace lamina::io {
namespace {

using testing::error_of;
using testing::TempFolder;

/// A tar archive of one file, as ustar.
std::string tar_of(const std::string& name, const std::string& content, char type = '0') {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  char text[32];
  std::snprintf(text, sizeof text, "%011o", static_cast<unsigned>(content.size()));
  header.replace(124, 11, text);
  header[156] = type;
  header.replace(257, 5, "ustar");
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(text, sizeof text, "%06o", sum);
  header.replace(148, 7, std::string(text) + '\0');
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

const std::string kEnd(1024, '\0');

TEST(Tar, ReadsFilesFoldersAndLongNames) {
  const std::string name(150, 'n');
  const std::string bytes = tar_of("folder/", "", '5') + tar_of("folder/a.txt", "hello") +
                            tar_of("././@LongLink", name, 'L') + tar_of("short", "long") +
                            tar_of("x", "20 path=of/pax.bin\n", 'x') + tar_of("short", "pax") + kEnd;
  for (const std::string& archive : {bytes, gzip(bytes)}) {
    const auto files = read_tar(archive, "a.tar");
    ASSERT_EQ(files.size(), 3U);
    EXPECT_EQ(files[0], (std::pair<std::string, std::string>("folder/a.txt", "hello")));
    EXPECT_EQ(files[1], std::pair(name, std::string("long")));
    EXPECT_EQ(files[2], (std::pair<std::string, std::string>("of/pax.bin", "pax")));
  }
}

TEST(Tar, DamageIsAnError) {
  const std::string bytes = tar_of("a", "hello");
  testing::expect_errors_when_truncated(bytes + std::string(512, '\0'),
                                        [](std::string_view b) { read_tar(b, "a.tar"); });
  std::string bad = bytes + kEnd;
  bad[0] = 'b';
  EXPECT_CONTAINS(error_of([&] { read_tar(bad, "a.tar"); }), "corrupt archive");
}

TEST(Download, FetchesAndGoesOn) {
  const TempFolder folder;
  std::string content;
  for (int i = 0; i < 50000; ++i) content += std::to_string(i);
  const std::string source = "file://" + folder.write("source", content), part = folder / "x.part";
  int64_t seen = 0;
  download_to(source, part, [&](int64_t done, int64_t) {
    seen = done;
    return true;
  });
  EXPECT_EQ(read_file(part), content);
  EXPECT_EQ(seen, static_cast<int64_t>(content.size()));
  write_file_atomically(part, content.substr(0, 1234));
  download_to(source, part);
  EXPECT_EQ(read_file(part), content);
}

/// Answers requests on 127.0.0.1 one after the other, until it is destroyed.
class Server {
 public:
  using Answer = std::function<std::string(const std::string& request)>;
  explicit Server(Answer answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/file";
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url;

 private:
  void serve() {
    for (int c = ::accept(listener_, nullptr, nullptr); c >= 0; c = ::accept(listener_, nullptr, nullptr)) {
      std::string request(4096, '\0');
      const ssize_t n = ::recv(c, request.data(), request.size(), 0);
      request.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
      const std::string reply = answer_(request);
      EXPECT_EQ(::send(c, reply.data(), reply.size(), MSG_NOSIGNAL), static_cast<ssize_t>(reply.size()));
      ::close(c);
    }
  }
  Answer answer_;
  int listener_;
  std::thread thread_;
};

std::string http(const std::string& status, const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

TEST(Download, AsksTheServerForTheRest) {
  const TempFolder folder;
  const Server server([](const std::string& request) {
    return request.find("Range: bytes=4-") == std::string::npos
               ? http("200 OK", "the wrong bytes")
               : http("206 Partial Content", "rest", "Content-Range: bytes 4-7/8\r\n");
  });
  const std::string part = folder.write("x.part", "the ");
  download_to(server.url, part);
  EXPECT_EQ(read_file(part), "the rest");
}

TEST(Download, BeginsAnewWhereTheServerCannotGoOn) {
  const TempFolder folder;
  const Server whole([](const std::string&) { return http("200 OK", "the whole"); });
  const std::string part = folder.write("x.part", "the ");
  download_to(whole.url, part);
  EXPECT_EQ(read_file(part), "the whole");
  const Server refusing([](const std::string& request) {
    return request.find("Range:") == std::string::npos ? http("200 OK", "anew") : http("416 Range Not Satisfiable", "");
  });
  download_to(refusing.url, part);
  EXPECT_EQ(read_file(part), "anew");
}

TEST(Download, AServerThatHasNothingOrBreaksOffIsAnError) {
  const TempFolder folder;
  const Server nothing([](const std::string&) { return http("404 Not Found", "sorry"); });
  EXPECT_CONTAINS(error_of([&] { download_to(nothing.url, folder / "p"); }), "404");
  const Server broken([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst"; });
  EXPECT_THROW(download_to(broken.url, folder / "q"), Error);
  EXPECT_EQ(read_file(folder / "q"), "first");
}

TEST(Download, FailuresNameTheAddress) {
  const TempFolder folder;
  EXPECT_CONTAINS(error_of([&] { download_to("file:///no/such/file", folder / "p"); }), "file:///no/such/file: ");
  EXPECT_THROW(download_to("http://127.0.0.1:1/none", folder / "p"), Error);
  EXPECT_THROW(download_to("gopher://127.0.0.1/none", folder / "p"), Error);
  EXPECT_CONTAINS(error_of([&] { download_to("file:///etc/passwd", folder / "no/p"); }), "cannot be written");
  const std::string source = "file://" + folder.write("source", "text");
  EXPECT_CONTAINS(error_of([&] { download_to(source, folder / "p", [](int64_t, int64_t) { return false; }); }),
                  "stopped");
}

}  // namespace
}  // namespace lamina::io
