// The built-in tables, embedded by the assembler: no file is looked up at run time.
#include "lamina/data/builtin.h"

#include <array>

#include "lamina/core/error.h"
#include "lamina/core/registry.h"
#include "lamina/data/catalogue.h"
#include "lamina/data/formats_internal.h"
#include "lamina/io/files.h"

// The path is relative to the folder of the sources, which is on the include path, the assembler's too.
#define LAMINA_EMBED(name)                                                             \
  __asm__(                                                                             \
      ".pushsection .rodata\n"                                                         \
      ".hidden lamina_builtin_" #name                                                  \
      "\n"                                                                             \
      ".hidden lamina_builtin_" #name                                                  \
      "_end\n"                                                                         \
      ".global lamina_builtin_" #name                                                  \
      "\n"                                                                             \
      ".global lamina_builtin_" #name                                                  \
      "_end\n"                                                                         \
      ".balign 16\n"                                                                   \
      "lamina_builtin_" #name                                                          \
      ":\n"                                                                            \
      ".incbin \"lamina/data/builtin/" #name                                           \
      ".csv.gz\"\n"                                                                    \
      "lamina_builtin_" #name                                                          \
      "_end:\n"                                                                        \
      ".byte 0\n"                                                                      \
      ".popsection\n");                                                                \
  extern "C" __attribute__((visibility("hidden"))) const char lamina_builtin_##name[]; \
  extern "C" __attribute__((visibility("hidden"))) const char lamina_builtin_##name##_end[];

LAMINA_EMBED(digits)
LAMINA_EMBED(iris)
LAMINA_EMBED(wine)
LAMINA_EMBED(breast_cancer)
LAMINA_EMBED(diabetes)
LAMINA_EMBED(airline_passengers)

namespace lamina::data {

namespace {

struct Embedded {
  std::string_view name;
  const char *begin, *end;
};

const std::array<Embedded, 6>& tables() {
  static const std::array<Embedded, 6> all{{
      {"digits", lamina_builtin_digits, lamina_builtin_digits_end},
      {"iris", lamina_builtin_iris, lamina_builtin_iris_end},
      {"wine", lamina_builtin_wine, lamina_builtin_wine_end},
      {"breast_cancer", lamina_builtin_breast_cancer, lamina_builtin_breast_cancer_end},
      {"diabetes", lamina_builtin_diabetes, lamina_builtin_diabetes_end},
      {"airline_passengers", lamina_builtin_airline_passengers, lamina_builtin_airline_passengers_end},
  }};
  return all;
}

/// Pixels 0 to 16 become bytes 0 to 255, as other pictures have them.
DatasetPtr as_images(const io::CsvTable& table) {
  constexpr int64_t kPixels = 64;
  std::vector<uint8_t> pixels;
  std::vector<int64_t> ids;
  for (int64_t r = 0; r < table.rows(); ++r) {
    for (int64_t c = 0; c < kPixels; ++c) pixels.push_back(static_cast<uint8_t>((table.number(r, c) * 255 + 8) / 16));
    ids.push_back(static_cast<int64_t>(table.number(r, kPixels)));
  }
  DatasetInfo info;
  info.name = "digits";
  for (int i = 0; i < 10; ++i) info.classes.push_back(std::to_string(i));
  return in_memory(info, Tensor::from_bytes(pixels.data(), {table.rows(), 1, 8, 8}, DType::u8),
                   Tensor::from(ids, {table.rows()}));
}

}  // namespace

CatalogueFile builtin_file(const std::string& name) {
  const Embedded& e = find_entry(std::span<const Embedded>(tables()), name, "built-in data set");
  const std::string_view packed(e.begin, static_cast<size_t>(e.end - e.begin));
  return {name + ".csv.gz", static_cast<int64_t>(packed.size()), io::sha256(packed), {}, {}};
}

io::CsvTable builtin_table(const std::string& name) {
  const Embedded& e = find_entry(std::span<const Embedded>(tables()), name, "built-in data set");
  const std::string_view packed(e.begin, static_cast<size_t>(e.end - e.begin));
  return io::parse_csv(io::gunzip(packed, name), name, {.header = io::CsvHeader::yes});
}

std::vector<std::string> builtin_names() {
  std::vector<std::string> names;
  for (const Embedded& e : tables()) names.emplace_back(e.name);
  return names;
}

Parts open_builtin(const DataOptions& options, std::vector<int64_t>& groups) {
  const io::CsvTable table = builtin_table(options.name);
  Parts parts;
  if (options.name == "digits") {
    parts.train = as_images(table);
    return parts;
  }
  DataOptions own = options;
  if (options.name == "airline_passengers" && own.window == 0) own.window = 12;  // a year
  parts.train = open_table(own, table, groups);
  return parts;
}

DatasetPtr builtin(const std::string& name) {
  DataOptions options;
  options.name = name;
  std::vector<int64_t> groups;
  return open_builtin(options, groups).train;
}

}  // namespace lamina::data
