// Files from the network, and the archives they come in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lamina::io {

/// Bytes so far and in all (0: unknown). Returning false stops the download.
using Progress = std::function<bool(int64_t done, int64_t total)>;

/// Fetches url (http, https or file) into `part`, behind what that file already holds. Throws Error naming address
/// and reason; what has arrived stays in `part` for the next attempt.
void download_to(const std::string& url, const std::string& part, const Progress& progress = {});

/// The plain files of a tar archive (ustar, GNU or pax), gzipped or not, with their paths. Throws Error where it is
/// truncated or corrupt.
std::vector<std::pair<std::string, std::string>> read_tar(std::string_view bytes, const std::string& name);

}  // namespace lamina::io
