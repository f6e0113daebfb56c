#include "lamina/io/download.h"

#include <curl/curl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>

#include "lamina/core/error.h"

namespace lamina::io {

namespace {

struct Transfer {
  std::FILE* out = nullptr;
  int64_t before = 0;  // bytes of earlier attempts
  const Progress* progress = nullptr;
  int write_error = 0;
  bool stopped = false;
};

size_t on_bytes(char* bytes, size_t, size_t count, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  const size_t written = std::fwrite(bytes, 1, count, t.out);
  if (written != count) t.write_error = errno ? errno : EIO;
  return written;
}

int on_progress(void* user, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
  auto& t = *static_cast<Transfer*>(user);
  if (!*t.progress) return 0;
  try {
    t.stopped = !(*t.progress)(t.before + done, total > 0 ? t.before + total : 0);
  } catch (...) {
    t.stopped = true;  // an exception may not pass through the library
  }
  return t.stopped ? 1 : 0;
}

struct CloseFile {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
struct CleanUp {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
};

/// One attempt, behind what `part` holds already; the text of the failure goes to `message`.
CURLcode attempt(const std::string& url, const std::string& part, const Progress& progress, std::string& message) {
  const std::unique_ptr<CURL, CleanUp> curl(curl_easy_init());
  if (!curl) throw Error(url, "libcurl could not be set up");
  const std::unique_ptr<std::FILE, CloseFile> out(std::fopen(part.c_str(), "ab"));
  if (!out) throw Error(part, std::string("cannot be written: ") + std::strerror(errno));
  std::error_code ignored;
  const auto size = std::filesystem::file_size(part, ignored);
  Transfer transfer{out.get(), ignored ? 0 : static_cast<int64_t>(size), &progress};
  char text[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https,file");
#endif
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 20L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 100L);  // bytes per second …
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 30L);    // … over so many seconds count as no connection
  curl_easy_setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.before));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, text);
  const CURLcode code = curl_easy_perform(curl.get());
  if (std::fflush(out.get()) != 0 && transfer.write_error == 0) transfer.write_error = errno;
  if (transfer.write_error) throw Error(part, std::string("cannot be written: ") + std::strerror(transfer.write_error));
  if (transfer.stopped) throw Error(url, "the download was stopped").hint("the same command goes on where it stopped");
  message = text[0] ? text : curl_easy_strerror(code);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  return status == 416 ? CURLE_RANGE_ERROR : code;
}

}  // namespace

void download_to(const std::string& url, const std::string& part, const Progress& progress) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  std::string message;
  CURLcode code = attempt(url, part, progress, message);
  std::error_code ignored;
  if (code == CURLE_RANGE_ERROR && std::filesystem::remove(part, ignored)) {  // this server cannot go on from there
    code = attempt(url, part, progress, message);
  }
  if (code != CURLE_OK) throw Error(url, message);
}

}  // namespace lamina::io
