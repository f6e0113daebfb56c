// Tar archives: ustar (POSIX.1-1988), long names of GNU and pax.
#include <algorithm>
#include <optional>

#include "lamina/core/error.h"
#include "lamina/io/download.h"
#include "lamina/io/files.h"

namespace lamina::io {

namespace {

constexpr size_t kBlock = 512;

std::string_view text_field(std::string_view header, size_t at, size_t size) {
  const std::string_view field = header.substr(at, size);
  return field.substr(0, field.find('\0'));
}

/// Octal digits, blanks around them; nothing where there is anything else.
std::optional<uint64_t> octal_field(std::string_view header, size_t at, size_t size) {
  uint64_t value = 0;
  bool any = false;
  for (const char c : header.substr(at, size)) {
    if (c >= '0' && c <= '7') {
      value = value * 8 + static_cast<uint64_t>(c - '0');
      any = true;
    } else if (c != ' ' && c != '\0') {
      return std::nullopt;
    } else if (any) {
      break;
    }
  }
  return any ? std::optional(value) : std::nullopt;
}

bool checksum_fits(std::string_view header) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<uint8_t>(header[i]);
  return octal_field(header, 148, 8) == sum;
}

/// The path in a pax header, whose records are "LENGTH key=value\n".
std::string pax_path(std::string_view records) {
  const size_t at = records.find(" path=");
  if (at == std::string_view::npos) return "";
  const std::string_view value = records.substr(at + 6);
  return std::string(value.substr(0, value.find('\n')));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> read_tar(std::string_view bytes, const std::string& name) {
  std::string unpacked;
  if (bytes.substr(0, 2) == "\x1f\x8b") {
    unpacked = gunzip(bytes, name);
    bytes = unpacked;
  }
  std::vector<std::pair<std::string, std::string>> files;
  std::string long_name;
  bool ended = false;
  while (!ended) {
    if (bytes.size() < kBlock) throw Error(name, "truncated archive");
    const std::string_view header = bytes.substr(0, kBlock);
    ended = std::all_of(header.begin(), header.end(), [](char c) { return c == '\0'; });
    if (ended) break;
    const std::optional<uint64_t> size = octal_field(header, 124, 12);
    if (!checksum_fits(header) || !size) throw Error(name, "corrupt archive, or not a tar archive");
    bytes.remove_prefix(kBlock);
    if (*size > bytes.size()) throw Error(name, "truncated archive");
    const std::string_view content = bytes.substr(0, *size);
    bytes.remove_prefix(std::min<size_t>((*size + kBlock - 1) / kBlock * kBlock, bytes.size()));
    const char type = header[156];
    if (type == 'L') {
      long_name = std::string(content.substr(0, content.find('\0')));
    } else if (type == 'x') {
      long_name = pax_path(content);
    } else {
      std::string path(text_field(header, 0, 100));
      const std::string_view prefix = text_field(header, 345, 155);
      if (header.substr(257, 6) == std::string_view("ustar\0", 6) && !prefix.empty())
        path = std::string(prefix) + "/" + path;
      if (!long_name.empty()) path = std::move(long_name);
      long_name.clear();
      if (type == '0' || type == '\0') files.emplace_back(std::move(path), std::string(content));
    }
  }
  return files;
}

}  // namespace lamina::io
