#include "lamina/data/catalogue.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "lamina/core/error.h"
#include "lamina/io/download.h"
#include "lamina/io/files.h"

namespace lamina::data {

namespace fs = std::filesystem;

namespace {

/// A file that several servers hold under the same name.
CatalogueFile file(std::string name, int64_t bytes, std::string sha256, const std::vector<std::string>& servers,
                   std::vector<std::string> contents = {}) {
  CatalogueFile f{std::move(name), bytes, std::move(sha256), {}, std::move(contents)};
  for (const std::string& s : servers) f.urls.push_back(s + "/" + f.name);
  return f;
}

std::vector<std::string> digits() { return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}; }

CatalogueEntry built_in(std::string name, std::string task, std::string licence, std::string source) {
  return {std::move(name), std::move(task), std::move(licence), std::move(source), "builtin", {}, {}};
}

CatalogueEntry mnist_entry() {
  const std::vector<std::string> servers{"https://ossci-datasets.s3.amazonaws.com/mnist",
                                         "https://storage.googleapis.com/cvdf-datasets/mnist"};
  return {"mnist",
          "60,000 + 10,000 handwritten digits, 28x28 grey",
          "CC BY-SA 3.0",
          "Y. LeCun, C. Cortes, C. Burges, 1998",
          "idx",
          digits(),
          {file("train-images-idx3-ubyte.gz", 9912422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", servers),
           file("train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                servers),
           file("t10k-images-idx3-ubyte.gz", 1648877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", servers),
           file("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                servers)}};
}

CatalogueEntry fashion_entry() {
  const std::vector<std::string> servers{
      "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
      "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"};
  return {"fashion-mnist",
          "60,000 + 10,000 pieces of clothing, 28x28 grey",
          "MIT",
          "H. Xiao, K. Rasul, R. Vollgraf, 2017",
          "idx",
          {"T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
          {file("train-images-idx3-ubyte.gz", 26421880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", servers),
           file("train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                servers),
           file("t10k-images-idx3-ubyte.gz", 4422102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", servers),
           file("t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                servers)}};
}

CatalogueEntry cifar_entry(bool ten) {
  const std::vector<std::string> servers{"https://www.cs.toronto.edu/~kriz"};
  const std::string source = "A. Krizhevsky, V. Nair, G. Hinton, 2009", licence = "not stated";
  if (!ten) {
    return {
        "cifar100",
        "50,000 + 10,000 colour photographs of 100 classes, 32x32",
        licence,
        source,
        "cifar100",
        {},
        {file("cifar-100-binary.tar.gz", 168513733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
              servers,
              {"cifar-100-binary/train.bin", "cifar-100-binary/test.bin", "cifar-100-binary/fine_label_names.txt"})}};
  }
  std::vector<std::string> contents{"cifar-10-batches-bin/test_batch.bin", "cifar-10-batches-bin/batches.meta.txt"};
  for (int i = 1; i <= 5; ++i) contents.push_back("cifar-10-batches-bin/data_batch_" + std::to_string(i) + ".bin");
  return {"cifar10",
          "50,000 + 10,000 colour photographs of 10 classes, 32x32",
          licence,
          source,
          "cifar10",
          {},
          {file("cifar-10-binary.tar.gz", 170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                servers, contents)}};
}

bool complete(const CatalogueFile& f, const std::string& folder) {
  const auto there = [&](const std::string& name) { return fs::exists(fs::path(folder) / name); };
  if (!f.contents.empty()) return std::all_of(f.contents.begin(), f.contents.end(), there);
  return there(f.name);
}

void unpack(const CatalogueFile& f, const std::string& archive, const std::string& folder) {
  for (const auto& [path, content] : io::read_tar(io::read_file(archive), archive)) {
    if (std::find(f.contents.begin(), f.contents.end(), path) == f.contents.end()) continue;
    const fs::path target = fs::path(folder) / path;
    io::make_folders(target.parent_path().string());
    io::write_file_atomically(target.string(), content);
  }
  if (!complete(f, folder)) throw Error(archive, "lacks files that it should hold").detail("unpacked into " + folder);
}

[[noreturn]] void no_server(const CatalogueEntry& entry, const CatalogueFile& f, const std::string& folder,
                            const std::vector<std::string>& reasons) {
  Error error("data get " + entry.name, f.name + " could not be fetched");
  for (const std::string& r : reasons) error.detail(r);
  std::string files;
  for (const CatalogueFile& each : entry.files) {
    const std::vector<std::string> names = each.contents.empty() ? std::vector<std::string>{each.name} : each.contents;
    for (const std::string& n : names) files += (files.empty() ? "" : ", ") + n;
  }
  throw error.hint("without a network, put these files into " + folder + ": " + files);
}

/// Into `part`, from the first server whose content has the right SHA-256.
void fetch(const CatalogueEntry& entry, const CatalogueFile& f, const std::string& folder, const std::string& part,
           const DownloadProgress& progress) {
  bool stopped = false;
  const io::Progress show = [&](int64_t done, int64_t) {
    return !(stopped = progress && !progress(f.name, done, f.bytes));
  };
  std::vector<std::string> reasons;
  for (const std::string& url : f.urls) {
    try {
      std::error_code ignored;
      const bool whole = fs::exists(part, ignored) && static_cast<int64_t>(fs::file_size(part, ignored)) >= f.bytes;
      if (!whole) io::download_to(url, part, show);  // else: interrupted between the download and its check
      const std::string sum = io::sha256_of_file(part);
      if (sum == f.sha256) return;
      fs::remove(part, ignored);  // what is wrong cannot be gone on with
      reasons.push_back(url + ": SHA-256 is " + sum + ", expected " + f.sha256);
    } catch (const Error& e) {
      if (stopped) throw;
      reasons.push_back(e.where() + ": " + e.message());
    }
  }
  no_server(entry, f, folder, reasons);
}

}  // namespace

int64_t CatalogueEntry::bytes() const {
  if (files.empty()) return builtin_file(name).bytes;
  int64_t sum = 0;
  for (const CatalogueFile& f : files) sum += f.bytes;
  return sum;
}

std::span<const CatalogueEntry> catalogue() {
  static const std::vector<CatalogueEntry> all{
      built_in("digits", "1,797 handwritten digits, 8x8 grey", "CC BY 4.0", "E. Alpaydin, C. Kaynak, 1998 (UCI)"),
      built_in("iris", "150 flowers of 3 species, 4 measures", "CC BY 4.0", "R. A. Fisher, 1936 (UCI)"),
      built_in("wine", "178 wines of 3 cultivars, 13 measures", "CC BY 4.0", "M. Forina et al., 1988 (UCI)"),
      built_in("breast_cancer", "569 tumours, malignant or benign, 30 measures", "CC BY 4.0",
               "W. Wolberg et al., 1993 (UCI)"),
      built_in("diabetes", "442 patients, progression from 10 measures", "not stated", "B. Efron et al., 2004"),
      built_in("airline_passengers", "144 months of passenger counts", "not stated", "G. Box, G. Jenkins, 1976"),
      mnist_entry(),
      fashion_entry(),
      cifar_entry(true),
      cifar_entry(false)};
  return all;
}

const CatalogueEntry* find_in_catalogue(std::string_view name) {
  const std::span<const CatalogueEntry> all = catalogue();
  const auto found = std::find_if(all.begin(), all.end(), [&](const CatalogueEntry& e) { return e.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string cache_folder() {
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  if (xdg && *xdg == '/') return std::string(xdg) + "/lamina/data";  // relative ones are to be ignored, says XDG
  const char* home = std::getenv("HOME");
  return std::string(home && *home ? home : "/tmp") + "/.cache/lamina/data";
}

std::string download(const CatalogueEntry& entry, const DownloadProgress& progress, std::string folder) {
  if (entry.files.empty()) throw Error("data get " + entry.name, "is built in: there is nothing to fetch");
  if (folder.empty()) folder = cache_folder() + "/" + entry.name;
  io::make_folders(folder);
  for (const CatalogueFile& f : entry.files) {
    if (complete(f, folder)) continue;
    const std::string path = folder + "/" + f.name, part = path + ".part";
    fetch(entry, f, folder, part, progress);
    if (!f.contents.empty()) {
      unpack(f, part, folder);
      fs::remove(part);
    } else {
      std::error_code code;
      fs::rename(part, path, code);
      if (code) throw Error(path, "cannot be written: " + code.message());
    }
  }
  return folder;
}

}  // namespace lamina::data
