// Pictures in files, as data sets: what image folders and manifests share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/data/open.h"

namespace lamina::data {

struct Picture {
  std::string path;
  int64_t id = 0;                // of its class
  std::vector<float> tags = {};  // of sets of tags: 0 or 1 each
};
using Pictures = std::vector<Picture>;

/// The pictures of each part; a part that is empty is missing.
struct PictureParts {
  Pictures train, validation, test;
};

/// Reads every file once and makes the sets, which decode them when asked for and keep decoded ones in memory as far as
/// options.cache_mb goes. Files that are no pictures are left out (on_bad_image: skip; info().notes then lists them),
/// or listed in one Error. Throws Error for a class without training pictures, too. `root` stands for the set in
/// errors.
Parts picture_parts(DatasetInfo info, PictureParts pictures, const DataOptions& options, const std::string& root);

}  // namespace lamina::data
