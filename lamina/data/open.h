// Data sets from their description: any IDX, CIFAR-binary, CSV, image-folder or image-list set, or a built-in one.
#pragma once

#include <string>
#include <vector>

#include "lamina/core/fields.h"
#include "lamina/data/dataset.h"

namespace lamina::io {
struct CsvOptions;
}

namespace lamina::data {

/// The `data` part of a recipe. Lists that are empty, numbers that are 0 and words that are empty mean the default.
struct DataOptions {
  std::string format = "";  // idx, cifar10, cifar100, csv, folder, manifest, builtin
  std::string root = "";    // a folder (csv: or a file); looked up as find_root() says
  std::string name = "";    // builtin: which one; others: what the set is called (default: the last part of root)

  // What is held out. A set that comes with a test part keeps it.
  double test_fraction = 0.2;
  double validation = 0;   // fraction of the training part
  std::string split = "";  // stratified (default of classes), random, time, group
  int64_t seed = 1;        // of the splits
  int64_t limit = 0;       // at most so many training examples, and as many test examples

  // Tables.
  std::string test = "";                     // the file of the test rows, where there is one
  std::vector<std::string> target = {};      // columns; default: the last one
  std::vector<std::string> features = {};    // columns; default: all others
  std::vector<std::string> categories = {};  // features that hold words: one column of 0 and 1 for each word
  std::string kind = "";          // of the target: classes, values, tags; default: classes for words and for at
                                  // most 20 different whole numbers, else values
  std::string group = "";         // a column; with split: group no value of it is on both sides
  std::string missing = "error";  // error, or drop (the row)
  std::string separator = "";     // default: guessed among comma, semicolon, tab, space
  std::string header = "";        // yes, no; default: guessed
  int64_t window = 0;             // series: the input is that many rows [window, features], the target that of
  int64_t horizon = 1;            // the row so many after them; the split is by time

  // Classes and images.
  std::vector<std::string> classes = {};       // their names in the order of their ids; default: as found, sorted
  std::vector<std::string> keep_classes = {};  // only these, with ids in this order; default: all
  int64_t per_class = 0;                       // at most so many training examples of each class
  int64_t channels = 0;                        // files: 1 or 3; default: 3 if any picture has colours
  std::string on_bad_image = "error";          // error, or skip: files that cannot be read as pictures are left out
  int64_t cache_mb = 512;                      // memory for decoded pictures
  std::string path = "";           // manifest: the column of file names; default: the one called path, file, …
  std::string images = "";         // manifest: the folder that they are relative to, from that of the manifest
  std::string tag_separator = "";  // manifest: between the tags of a cell; default: guessed among ; | , space
  Dims enough = {};                // pictures may be decoded smaller, but not below this [height, width]

  /// Not of recipes: "colour=red", the words that the categories of another table have; empty: those of this one.
  std::vector<std::string> words = {};

  LAMINA_OPTIONS(format, root, name, test_fraction, validation, split, seed, limit, test, target, features, categories,
                 kind, group, missing, separator, header, window, horizon, classes, keep_classes, per_class, channels,
                 on_bad_image, cache_mb, path, images, tag_separator)
};

/// How `separator` and `header` say that tables are written. Throws Error for other words than those.
io::CsvOptions csv_options(const DataOptions& options);

/// The parts of a set; validation and test may be null.
struct Parts {
  DatasetPtr train, validation, test;
};

/// Opens a set and divides it. Images are u8, features f32. Throws Error naming option, file, line, what was expected
/// and what came.
Parts open_parts(const DataOptions& options);
/// The same with the validation part left in the training part.
Splits open_dataset(const DataOptions& options);

/// What another folder or file holds to test a network on: its own test part, else all of it. `like` says how it is
/// read; nothing is held out. `words` ("colour=red") are the features of the table that the network was trained on: the
/// categories get their words from there.
DatasetPtr open_to_test(const DataOptions& like, const std::string& place, const std::vector<std::string>& words = {});

/// A built-in set by name, whole: digits, iris, wine, breast_cancer, diabetes, airline_passengers.
DatasetPtr builtin(const std::string& name);

/// Where a set lies: `root` if it exists, else $LAMINA_DATA/NAME, else the folder that `lamina data get` fills. An
/// empty name stands for the last part of root. Throws Error saying which files to put where.
std::string find_root(const std::string& root, const std::string& name);

}  // namespace lamina::data
