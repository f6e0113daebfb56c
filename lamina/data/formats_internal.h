// The readers behind open_parts().
#pragma once

#include <string>
#include <vector>

#include "lamina/data/open.h"
#include "lamina/io/csv.h"

namespace lamina::data {

// A part that a format lacks is null. `root` exists.
Parts open_idx(const DataOptions& options, const std::string& root);
Parts open_cifar(const DataOptions& options, const std::string& root, int64_t classes);
Parts open_folder(const DataOptions& options, const std::string& root);
Parts open_manifest(const DataOptions& options, const std::string& root);
/// `groups` gets the numbers of the group column of the training rows, where one is named.
Parts open_csv(const DataOptions& options, const std::string& root, std::vector<int64_t>& groups);
/// Throws Error where an option of tables has a value that it cannot have.
void check_table_options(const DataOptions& options);
/// The same of a table in memory.
DatasetPtr open_table(const DataOptions& options, const io::CsvTable& table, std::vector<int64_t>& groups);
Parts open_builtin(const DataOptions& options, std::vector<int64_t>& groups);

/// In a folder: the file named train.csv, else the only table there is beside the test one; else the root itself.
std::string training_file(const std::string& root, const std::string& test);

/// An IDX file in memory: its values in its shape; u8, i32, f32 or f64.
Tensor parse_idx(std::string_view bytes, const std::string& name);

/// options.name, else the last part of root.
std::string name_of(const DataOptions& options, const std::string& root);
/// The given names, else those that the catalogue knows for the set.
std::vector<std::string> known_classes(const DataOptions& options, const std::string& name);
/// The files (or folders) in a folder, sorted, with their full paths; hidden ones are left out.
std::vector<std::string> list_folder(const std::string& folder, bool folders);

}  // namespace lamina::data
