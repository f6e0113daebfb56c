// Whole files: read, and written so that a reader never sees half of one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace lamina::io {

/// The bytes of a file; throws Error naming path and reason.
std::string read_file(const std::string& path);
/// The same, unpacked where the content is gzip (whatever its name); a truncated or corrupt stream is an Error.
std::string read_maybe_gzip(const std::string& path);
/// Unpacks gzip (several members are joined). `name` stands for the bytes in errors. At most `limit` bytes come out.
std::string gunzip(std::string_view bytes, const std::string& name, size_t limit = size_t{1} << 36);
/// Packs, at the highest level; the same bytes for the same content.
std::string gzip(std::string_view bytes);
/// Written aside in the same folder, synced and renamed over `path`; on failure the old file stays and
/// nothing is left behind. Throws Error naming path and reason (full disk, read-only folder).
void write_file_atomically(const std::string& path, std::string_view bytes);
/// Written and synced, for a file in a new folder that nobody reads yet; its name is safe once sync_folder() was
/// called.
void write_new_file(const std::string& path, std::string_view bytes);
/// Brings the names in a folder to the disk. Throws Error naming path and reason.
void sync_folder(const std::string& path);
/// Hexadecimal SHA-256.
std::string sha256(std::string_view bytes);
/// The same of a file, read piece by piece.
std::string sha256_of_file(const std::string& path);

/// The folder and those above it, made where they are missing; throws Error naming path and reason.
void make_folders(const std::string& path);

}  // namespace lamina::io
