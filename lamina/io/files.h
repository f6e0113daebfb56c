// Whole files: read, and written so that a reader never sees half of one.
#pragma once

#include <string>
#include <string_view>

namespace lamina::io {

/// The bytes of a file; throws Error naming path and reason.
std::string read_file(const std::string& path);
/// The same, unpacked where the content is gzip (whatever its name); a truncated or corrupt stream is an Error.
std::string read_maybe_gzip(const std::string& path);
/// Written aside in the same folder, synced and renamed over `path`; on failure the old file stays and
/// nothing is left behind. Throws Error naming path and reason (full disk, read-only folder).
void write_file_atomically(const std::string& path, std::string_view bytes);
/// Hexadecimal SHA-256.
std::string sha256(std::string_view bytes);

}  // namespace lamina::io
