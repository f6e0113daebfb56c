// The sets that are known by name: built in, or to be downloaded.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lamina::data {

struct CatalogueFile {
  std::string name;  // in the folder of the set
  int64_t bytes = 0;
  std::string sha256;
  std::vector<std::string> urls;      // tried in turn
  std::vector<std::string> contents;  // of a tar archive: the files in it that are unpacked
};

struct CatalogueEntry {
  std::string name, task, licence, source;
  std::string format;                // for DataOptions::format
  std::vector<std::string> classes;  // their names, where the files lack them
  std::vector<CatalogueFile> files;  // none: built in
  /// Of all files; of a built-in set, of its packed table.
  int64_t bytes() const;
};

/// The packed table of a built-in set, as it is in the library.
CatalogueFile builtin_file(const std::string& name);

std::span<const CatalogueEntry> catalogue();
/// Null where there is none of that name.
const CatalogueEntry* find_in_catalogue(std::string_view name);

/// $XDG_CACHE_HOME/lamina/data, else ~/.cache/lamina/data.
std::string cache_folder();

/// Called about ten times a second: the file and bytes so far. Returning false stops the download.
using DownloadProgress = std::function<bool(const std::string& file, int64_t done, int64_t total)>;

/// Fetches what is missing of a set into `folder` (default: the cache) and returns the folder. A file gets its name
/// once its SHA-256 is right; an interrupted download is taken up where it stopped. Throws Error where no address
/// answers, saying which files to put where by hand.
std::string download(const CatalogueEntry& entry, const DownloadProgress& progress = {}, std::string folder = "");

}  // namespace lamina::data
