#include <algorithm>
#include <cstring>

#include "lamina/data/catalogue.h"
#include "lamina/data/open.h"
#include "lamina/data/split.h"
#include "lamina/io/files.h"
#include "lamina/io/image.h"
#include "tests/support/files.h"

namespace lamina::data {
namespace {

using testing::error_of;
using testing::TempFolder;

/// Sets a variable of the environment for the length of a test.
class Environment {
 public:
  Environment(const char* name, const std::string& value)
      : name_(name), before_(std::getenv(name) ? std::getenv(name) : "") {
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (before_.empty()) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, before_.c_str(), 1);
    }
  }

 private:
  const char* name_;
  std::string before_;
};

std::string big_endian(uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
}

std::string idx(uint8_t type, const std::vector<uint32_t>& shape, const std::string& values) {
  std::string bytes{0, 0, static_cast<char>(type), static_cast<char>(shape.size())};
  for (const uint32_t e : shape) bytes += big_endian(e);
  return bytes + values;
}

const std::string kImages = idx(8, {4, 2, 3}, "abcdefghijklmnopqrstuvwx"),
                  kLabels = idx(8, {4}, std::string("\0\1\2\1", 4));

DataOptions idx_options(const std::string& root) {
  DataOptions o;
  o.format = "idx";
  o.root = root;
  o.test_fraction = 0;
  return o;
}

std::string write_idx(const TempFolder& folder, const std::string& images, const std::string& labels) {
  folder.write("set/train-images-idx3-ubyte", images);
  folder.write("set/train-labels-idx1-ubyte", labels);
  return folder / "set";
}

TEST(Idx, ReadsImagesAndLabels) {
  const TempFolder folder;
  const std::string root = write_idx(folder, io::gzip(kImages), kLabels);
  folder.write("set/t10k-images-idx3-ubyte.gz", io::gzip(kImages));
  folder.write("set/t10k-labels-idx1-ubyte.gz", io::gzip(kLabels));
  const Splits s = open_dataset(idx_options(root));
  EXPECT_EQ(s.train->size(), 4);
  EXPECT_EQ(s.test->size(), 4);
  EXPECT_EQ(s.train->info().name, "set");
  EXPECT_EQ(s.train->info().input, (Shape{1, 2, 3}));
  EXPECT_EQ(s.train->info().outputs(), 3);
  EXPECT_EQ(s.train->info().fingerprint, s.test->info().fingerprint);
  const Example e = s.train->get(2);
  EXPECT_EQ(e[0].shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(e[0].ints(), (std::vector<int64_t>{'m', 'n', 'o', 'p', 'q', 'r'}));
  EXPECT_EQ(e[1].meta().str(), "[] i64");
  EXPECT_EQ(e[1].item(), 2);
  EXPECT_EQ(class_ids(*s.train), (std::vector<int64_t>{0, 1, 2, 1}));
}

TEST(Idx, OtherTypesAndRanks) {
  const TempFolder folder;
  // f32 1.0 and -2.0, 16-bit labels 1 and 0
  const std::string root = write_idx(folder, idx(0x0D, {2, 1}, std::string("\x3f\x80\0\0\xc0\0\0\0", 8)),
                                     idx(0x0B, {2}, std::string("\0\1\0\0", 4)));
  const DatasetPtr set = open_dataset(idx_options(root)).train;
  EXPECT_EQ(set->info().input, (Shape{1}));
  EXPECT_EQ(set->get(0)[0].item(), 1);
  EXPECT_EQ(set->get(1)[0].item(), -2);
  EXPECT_EQ(set->get(0)[1].item(), 1);
}

TEST(Idx, MistakesAreNamed) {
  const TempFolder folder;
  const auto message = [&](const std::string& images, const std::string& labels) {
    const std::string root = write_idx(folder, images, labels);
    return error_of([&] { open_dataset(idx_options(root)); });
  };
  EXPECT_CONTAINS(message(kLabels, kLabels), "expected images [n, …], got [4] u8");
  EXPECT_CONTAINS(message(kImages, idx(8, {3}, "\1\1\1")), "has 3 labels for the 4 images");
  EXPECT_CONTAINS(message("PK\3\4", kLabels), "is not an IDX file");
  EXPECT_CONTAINS(message(idx(7, {1}, "a"), kLabels), "unknown IDX type 7");
  EXPECT_CONTAINS(message(idx(8, {}, ""), kLabels), "0 axes");
  EXPECT_CONTAINS(message(kImages + "x", kLabels), "needs 24 bytes of values, it has 25");
  EXPECT_CONTAINS(message(idx(8, {0xffffffff, 0xffffffff, 0xffffffff}, "a"), kLabels), "more than any");
  EXPECT_CONTAINS(message(io::gzip(kImages).substr(0, 30), kLabels), "truncated gzip data");
  EXPECT_CONTAINS(message("", kLabels), "train-images-idx3-ubyte: ");
  DataOptions named = idx_options(write_idx(folder, kImages, kLabels));
  named.classes = {"a", "b"};
  EXPECT_CONTAINS(error_of([&] { open_dataset(named); }), "train-labels-idx1-ubyte: label 2 is 2, expected 0 to 1");
  folder.write("set/t10k-images-idx3-ubyte", kImages);
  EXPECT_CONTAINS(message(kImages, kLabels), "but no file of its labels");
  folder.write("set/t10k-labels-idx1-ubyte", idx(8, {4}, "\1\1\1\7"));
  EXPECT_CONTAINS(message(kImages, kLabels), "label 3 is 7");
  folder.write("set/emnist-train-images-idx3-ubyte", kImages);
  EXPECT_CONTAINS(message(kImages, kLabels), "several IDX files of images");
  folder.write("empty/readme.txt", "");
  EXPECT_CONTAINS(error_of([&] { open_dataset(idx_options(folder / "empty")); }), "put train-images-idx3-ubyte");
}

TEST(Idx, EveryTruncationIsAnError) {
  const TempFolder folder;
  testing::expect_errors_when_truncated(
      kImages, [&](std::string_view b) { open_dataset(idx_options(write_idx(folder, std::string(b), kLabels))); });
  testing::expect_errors_when_truncated(
      kLabels, [&](std::string_view b) { open_dataset(idx_options(write_idx(folder, kImages, std::string(b)))); });
  testing::expect_errors_when_truncated(io::gzip(kImages), [&](std::string_view b) {
    open_dataset(idx_options(write_idx(folder, std::string(b), kLabels)));
  });
}

std::string cifar_record(const std::string& labels, char pixel) { return labels + std::string(3072, pixel); }

TEST(Cifar, ReadsRecordsAndNames) {
  const TempFolder folder;
  folder.write("c/data_batch_1.bin", cifar_record("\1", 10) + cifar_record("\3", 20));
  folder.write("c/data_batch_2.bin.gz", io::gzip(cifar_record("\2", 30)));
  folder.write("c/test_batch.bin", cifar_record("\4", 40));
  DataOptions o;
  o.format = "cifar10";
  o.root = folder / "c";
  const Splits s = open_dataset(o);
  EXPECT_EQ(s.train->size(), 3);
  EXPECT_EQ(s.train->info().input, (Shape{3, 32, 32}));
  EXPECT_EQ(class_ids(*s.train), (std::vector<int64_t>{1, 3, 2}));
  EXPECT_EQ(s.train->get(2)[0].at({2, 31, 31}), 30);
  EXPECT_EQ(s.train->info().classes[1], "1");
  folder.write("c/batches.meta.txt", "a\r\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(open_dataset(o).train->info().classes[1], "b");
  folder.write("c/batches.meta.txt", "a\n");
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "1 names of classes, expected 10");
}

TEST(Cifar, OfAHundredClassesUsesTheFineLabel) {
  const TempFolder folder;
  folder.write("c/cifar-100-binary/train.bin", cifar_record("\7\x63", 1));
  folder.write("c/cifar-100-binary/test.bin", cifar_record("\7\x01", 1));
  DataOptions o;
  o.format = "cifar100";
  o.root = folder / "c";
  EXPECT_EQ(open_dataset(o).train->class_of(0), 99);
}

TEST(Cifar, MistakesAreNamed) {
  const TempFolder folder;
  DataOptions o;
  o.format = "cifar10";
  o.root = folder / "c";
  std::filesystem::create_directories(folder / "c");
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "has no records of CIFAR");
  folder.write("c/data_batch_1.bin", cifar_record("\1", 1) + cifar_record("\x0b", 1));
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "record 1 has label 11");
  const std::string record = cifar_record("\1", 1);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{3072}}) {
    folder.write("c/data_batch_1.bin", record.substr(0, size));
    EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "expected a multiple of 3073");
  }
  testing::expect_errors_when_truncated(io::gzip(record), [&](std::string_view b) {
    folder.write("c/data_batch_1.bin", b);
    open_dataset(o);
  });
}

DataOptions csv_options(const TempFolder& folder, const std::string& text) {
  DataOptions o;
  o.format = "csv";
  o.root = folder.write("t.csv", text);
  o.test_fraction = 0;
  return o;
}

const char kTable[] = "age,sex,fare,alive\n22,male,7.25,no\n38,female,71.5,yes\n26,female,7.9,yes\n,male,8,no\n";

TEST(Csv, WordsAreClassesAndColumnsAreChosen) {
  const TempFolder folder;
  DataOptions o = csv_options(folder, kTable);
  o.features = {"fare", "sex"};
  o.categories = {"sex"};
  const DatasetPtr set = open_dataset(o).train;
  EXPECT_EQ(set->info().target, TargetKind::classes);
  EXPECT_EQ(set->info().classes, (std::vector<std::string>{"no", "yes"}));
  EXPECT_EQ(set->info().features, (std::vector<std::string>{"fare", "sex=female", "sex=male"}));
  EXPECT_EQ(set->get(1)[0].floats(), (std::vector<float>{71.5, 1, 0}));
  EXPECT_EQ(class_ids(*set), (std::vector<int64_t>{0, 1, 1, 0}));
  o.classes = {"yes", "no"};
  EXPECT_EQ(class_ids(*open_dataset(o).train), (std::vector<int64_t>{1, 0, 0, 1}));
}

TEST(Csv, NumbersAreClassesOrValues) {
  const TempFolder folder;
  EXPECT_EQ(open_dataset(csv_options(folder, "x,y\n1,10\n2,9\n3,10\n")).train->info().classes,
            (std::vector<std::string>{"9", "10"}));
  EXPECT_EQ(open_dataset(csv_options(folder, "x,y\n1,0.5\n2,1\n")).train->info().target, TargetKind::values);
  DataOptions o = csv_options(folder, "a,b,c\n1,0,1\n2,1,1\n");
  o.target = {"c", "b"};
  EXPECT_EQ(open_dataset(o).train->get(1)[1].floats(), (std::vector<float>{1, 1}));
  EXPECT_EQ(open_dataset(o).train->info().classes, (std::vector<std::string>{"c", "b"}));
  o.kind = "tags";
  EXPECT_EQ(open_dataset(o).train->info().target, TargetKind::tags);
  o.kind = "none";
  EXPECT_EQ(open_dataset(o).train->get(0).size(), 1U);
}

TEST(Csv, MistakesNameFileLineAndColumn) {
  const TempFolder folder;
  DataOptions o = csv_options(folder, kTable);
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "t.csv:2: column \"sex\": expected a number, got \"male\"");
  o.features = {"age"};
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "t.csv:5: column \"age\": the cell is empty");
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "missing: drop");
  o.missing = "drop";
  EXPECT_EQ(open_dataset(o).train->size(), 3);
  o.missing = "guess";
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "data.missing: expected error or drop");
  o = csv_options(folder, "x,y\n1,2\nnan,3\n");
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "t.csv:3: column \"x\": the cell holds \"nan\"");
  o.target = {"z"};
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "has no column \"z\"");
  o = csv_options(folder, kTable);
  o.features = {"fare"};
  o.classes = {"yes", "perhaps"};
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "t.csv:2: column \"alive\": \"no\" is no class");
  o.classes = {"yes"};
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }),
                  "column \"alive\": expected at least two classes, got \"yes\" alone");
  o.classes = {};
  o.kind = "values";
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "column \"alive\": expected a number");
  o.kind = "numbers";
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "data.kind");
  o.kind = "";
  o.features = {"fare", "alive"};
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "is the target as well");
  EXPECT_CONTAINS(error_of([&] { open_dataset(csv_options(folder, "y\n1\n")); }), "no column left");
  EXPECT_CONTAINS(error_of([&] { open_dataset(csv_options(folder, "")); }), "is empty");
}

TEST(Csv, ATestFileIsReadByTheTrainingSchema) {
  const TempFolder folder;
  folder.write("f/train.csv", "x,y\n1,b\n2,a\n3,b\n");
  folder.write("f/test.csv", "x,y\n5,b\n");
  DataOptions o;
  o.format = "csv";
  o.root = folder / "f";
  const Splits s = open_dataset(o);
  EXPECT_EQ(s.train->size(), 3);
  EXPECT_EQ(s.test->class_of(0), 1);
  folder.write("f/test.csv", "x,y\n5,c\n");
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }),
                  "test.csv:2: column \"y\": \"c\" is no class of the training rows");
}

TEST(Csv, GroupsStayTogether) {
  const TempFolder folder;
  std::string text = "id,x,y\n";
  for (int i = 0; i < 60; ++i) text += "g" + std::to_string(i / 3) + "," + std::to_string(i) + ".5,1.5\n";
  DataOptions o = csv_options(folder, text);
  o.group = "id";
  o.split = "group";
  o.test_fraction = 0.3;
  o.validation = 0.3;
  const Parts parts = open_parts(o);
  EXPECT_EQ(parts.test->size(), 18);
  EXPECT_NEAR(static_cast<double>(parts.validation->size()), 12.6, 1.5);
  std::map<int, int> side;
  int number = 0;
  for (const DatasetPtr& p : {parts.train, parts.validation, parts.test}) {
    ++number;
    for (int64_t i = 0; i < p->size(); ++i) {
      const int group = static_cast<int>(p->get(i)[0].item()) / 3;
      EXPECT_EQ(side.try_emplace(group, number).first->second, number);
    }
  }
}

TEST(Csv, WindowsOfASeries) {
  const TempFolder folder;
  DataOptions o = csv_options(folder, "t,v\n1,10\n2,20\n3,30\n4,40\n5,50\n6,60\n");
  o.target = {"v"};
  o.window = 2;
  o.horizon = 2;
  const DatasetPtr set = open_dataset(o).train;
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(set->info().input, (Shape{2, 1}));
  EXPECT_EQ(set->get(1)[0].floats(), (std::vector<float>{20, 30}));
  EXPECT_EQ(set->get(1)[1].floats(), (std::vector<float>{50}));
  o.test_fraction = 0.34;
  EXPECT_EQ(open_dataset(o).test->get(0)[1].item(), 60);
  o.window = 6;
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "do not fit its 6 rows");
}

std::string png(int64_t channels, int64_t height, int64_t width, int value) {
  const std::vector<int64_t> values(static_cast<size_t>(channels * height * width), value);
  return io::encode_png(Tensor::from(values, {channels, height, width}, DType::u8));
}

DataOptions folder_options(const std::string& root) {
  DataOptions o;
  o.format = "folder";
  o.root = root;
  o.test_fraction = 0;
  return o;
}

TEST(Folder, ClassesAreFoldersInOrder) {
  const TempFolder folder;
  folder.write("f/b/2.png", png(1, 2, 3, 2));
  folder.write("f/b/1.png", png(1, 2, 3, 1));
  folder.write("f/a/x/9.PNG", png(1, 2, 3, 9));
  folder.write("f/a/Thumbs.db", "of a file manager");
  folder.write("f/a/.hidden.png", "no picture");
  const DatasetPtr set = open_dataset(folder_options(folder / "f/")).train;
  EXPECT_EQ(set->info().name, "f");
  EXPECT_EQ(set->info().classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(set->info().input, (Shape{1, 2, 3}));
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(class_ids(*set), (std::vector<int64_t>{0, 1, 1}));
  EXPECT_EQ(set->get(1)[0].at({0, 0, 0}), 1);
  EXPECT_CONTAINS(set->label(2), "b/2.png");
  const std::string before = set->info().fingerprint;
  folder.write("f/b/1.png", png(1, 2, 3, 7));
  EXPECT_NE(open_dataset(folder_options(folder / "f")).train->info().fingerprint, before);
}

TEST(Folder, PartsAndChannels) {
  const TempFolder folder;
  for (const char* part : {"train", "val", "test"}) {
    for (const char* c : {"a", "b"})
      folder.write(std::string("f/") + part + "/" + c + "/1.png", png(part[0] == 't' ? 3 : 1, 2, 2, 5));
  }
  DataOptions o = folder_options(folder / "f");
  o.validation = 0.5;
  const Parts parts = open_parts(o);
  EXPECT_EQ(parts.train->size(), 2);
  EXPECT_EQ(parts.validation->size(), 2);
  EXPECT_EQ(parts.test->size(), 2);
  EXPECT_EQ(parts.validation->get(0)[0].shape()[0], 3);
  EXPECT_EQ(open_dataset(o).train->size(), 4);
  folder.write("f/test/c/1.png", png(3, 2, 2, 5));
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "unknown class");
  folder.write("g/a/1.png", png(1, 2, 2, 5));
  folder.write("g/a/2.png", png(3, 2, 2, 5));
  EXPECT_EQ(open_dataset(folder_options(folder / "g")).train->get(0)[0].shape(), (Shape{3, 2, 2}));
  DataOptions one = folder_options(folder / "g");
  one.channels = 1;
  const DatasetPtr grey = open_dataset(one).train;
  EXPECT_CONTAINS(error_of([&] { grey->get(1); }), "2.png: is a colour picture");
}

TEST(Folder, MistakesAreNamed) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "f/a");
  EXPECT_CONTAINS(error_of([&] { open_dataset(folder_options(folder / "f")); }), "holds no pictures");
  folder.write("f/a/1.png", "not a picture");
  EXPECT_CONTAINS(error_of([&] { open_dataset(folder_options(folder / "f")); }), "a/1.png: is not a picture");
  testing::expect_errors_when_truncated(png(1, 2, 2, 5), [&](std::string_view b) {
    folder.write("f/a/1.png", b);
    open_dataset(folder_options(folder / "f"));
  });
}

TEST(Builtin, SetsHaveTheirPublishedSizes) {
  const DatasetPtr digits = builtin("digits");
  EXPECT_EQ(digits->size(), 1797);
  EXPECT_EQ(digits->info().input, (Shape{1, 8, 8}));
  EXPECT_EQ(digits->class_of(5), 5);
  double most = 0;
  for (int64_t i = 0; i < 100; ++i) {
    for (const double v : digits->get(i)[0].values()) most = std::max(most, v);
  }
  EXPECT_EQ(most, 255);
  EXPECT_EQ(digits->get(0)[0].at({0, 0, 2}), 80);  // 5 of 16
  EXPECT_EQ(builtin("iris")->size(), 150);
  EXPECT_EQ(builtin("iris")->info().classes, (std::vector<std::string>{"setosa", "versicolor", "virginica"}));
  EXPECT_EQ(builtin("iris")->get(149)[0].floats(), (std::vector<float>{5.9F, 3.0F, 5.1F, 1.8F}));
  EXPECT_EQ(builtin("wine")->info().input, (Shape{13}));
  EXPECT_EQ(builtin("breast_cancer")->size(), 569);
  EXPECT_EQ(builtin("breast_cancer")->info().outputs(), 2);
  EXPECT_EQ(builtin("diabetes")->info().target, TargetKind::values);
  EXPECT_EQ(builtin("diabetes")->get(0)[1].item(), 151);
  const DatasetPtr airline = builtin("airline_passengers");
  EXPECT_EQ(airline->size(), 132);
  EXPECT_EQ(airline->info().input, (Shape{12, 1}));
  EXPECT_EQ(airline->get(0)[0].floats()[0], 112);
  EXPECT_EQ(airline->get(131)[1].item(), 432);
  EXPECT_CONTAINS(error_of([] { builtin("irsi"); }), "did you mean \"iris\"?");
}

TEST(Open, PartsOfABuiltInSet) {
  DataOptions o;
  o.format = "builtin";
  o.name = "digits";
  o.validation = 0.1;
  const Parts parts = open_parts(o);
  EXPECT_EQ(parts.test->size(), 359);
  EXPECT_EQ(parts.validation->size(), 144);
  EXPECT_EQ(parts.train->size(), 1797 - 359 - 144);
  const Parts again = open_parts(o);
  EXPECT_EQ(again.train->info().fingerprint, parts.train->info().fingerprint);
  o.seed = 2;
  EXPECT_NE(open_parts(o).train->info().fingerprint, parts.train->info().fingerprint);
  o.limit = 100;
  const Parts few = open_parts(o);
  EXPECT_EQ(few.train->size(), 100);
  EXPECT_EQ(few.test->size(), 100);
  std::vector<int64_t> counts(10);
  for (const int64_t id : class_ids(*few.train)) ++counts[static_cast<size_t>(id)];
  for (const int64_t c : counts) EXPECT_NEAR(static_cast<double>(c), 10, 1);
}

TEST(Open, MistakesOfOptionsAreNamed) {
  DataOptions o;
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "data.format: is missing");
  o.format = "idxx";
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "did you mean \"idx\"?");
  o.format = "idx";
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "data.root: is missing");
  o.format = "builtin";
  o.name = "iris";
  o.validation = 1.5;
  EXPECT_CONTAINS(error_of([&] { open_parts(o); }), "data.validation: expected a fraction");
  o.validation = 0;
  o.split = "sorted";
  EXPECT_CONTAINS(error_of([&] { open_parts(o); }), "data.split: expected stratified");
  o.split = "group";
  EXPECT_CONTAINS(error_of([&] { open_parts(o); }), "needs a column");
  o.split = "";
  o.limit = -1;
  EXPECT_CONTAINS(error_of([&] { open_parts(o); }), "data.limit");
}

TEST(Open, RootsAreLookedUp) {
  const TempFolder folder;
  const Environment data("LAMINA_DATA", folder / "common"), cache("XDG_CACHE_HOME", folder / "cache");
  DataOptions o = idx_options("data/mnist");
  const std::string message = error_of([&] { open_dataset(o); });
  EXPECT_CONTAINS(message, "there is no data set at data/mnist");
  EXPECT_CONTAINS(message, "common/mnist");
  EXPECT_CONTAINS(message, "cache/lamina/data/mnist");
  EXPECT_CONTAINS(message, "lamina data get mnist");
  EXPECT_CONTAINS(message, "train-images-idx3-ubyte.gz");
  for (const char* place : {"cache/lamina/data/mnist/", "common/mnist/"}) {
    folder.write(std::string(place) + "train-images-idx3-ubyte", kImages);
    folder.write(std::string(place) + "train-labels-idx1-ubyte", kLabels);
    EXPECT_EQ(find_root("data/mnist", ""), folder / std::string(place).substr(0, std::string(place).size() - 1));
    EXPECT_EQ(open_dataset(o).train->info().outputs(), 10);  // the catalogue knows the classes
  }
  EXPECT_CONTAINS(error_of([] { mnist(); }), "common/mnist: has no test part");
  folder.write("common/mnist/t10k-images-idx3-ubyte", kImages);
  folder.write("common/mnist/t10k-labels-idx1-ubyte", kLabels);
  EXPECT_EQ(mnist().train->size(), 4);
  EXPECT_EQ(mnist().test->size(), 4);
}

TEST(Catalogue, NamesAreUniqueAndFilesComplete) {
  std::vector<std::string> names;
  for (const CatalogueEntry& e : catalogue()) {
    names.push_back(e.name);
    EXPECT_FALSE(e.task.empty() || e.licence.empty() || e.source.empty()) << e.name;
    EXPECT_EQ(e.format == "builtin", e.files.empty());
    if (e.files.empty()) {
      EXPECT_GT(builtin(e.name)->size(), 0);
    }
    for (const CatalogueFile& f : e.files) {
      EXPECT_EQ(f.sha256.size(), 64U);
      EXPECT_GT(f.bytes, 0);
      EXPECT_FALSE(f.urls.empty());
    }
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

TEST(Catalogue, DownloadsFromTheFirstServerThatIsRight) {
  const TempFolder folder;
  const std::string content = "the content";
  CatalogueEntry entry;
  entry.name = "small";
  entry.files = {{"a.bin",
                  static_cast<int64_t>(content.size()),
                  io::sha256(content),
                  {"file://" + (folder / "none"), "file://" + folder.write("wrong", "the contend"),
                   "file://" + folder.write("right", content)},
                  {}}};
  int64_t seen = 0;
  const std::string target = folder / "target";
  EXPECT_EQ(download(
                entry,
                [&](const std::string& file, int64_t done, int64_t total) {
                  EXPECT_EQ(file, "a.bin");
                  EXPECT_LE(done, total);
                  seen = done;
                  return true;
                },
                target),
            target);
  EXPECT_EQ(io::read_file(target + "/a.bin"), content);
  EXPECT_FALSE(std::filesystem::exists(target + "/a.bin.part"));
  EXPECT_EQ(seen, entry.bytes());
  std::filesystem::remove(target + "/a.bin");
  folder.write("target/a.bin.part", "the ");  // interrupted
  entry.files[0].urls = {"file://" + (folder / "right")};
  download(entry, {}, target);
  EXPECT_EQ(io::read_file(target + "/a.bin"), content);
  entry.files[0].urls.clear();
  download(entry, {}, target);  // it is all there
}

TEST(Catalogue, WithoutANetworkTheFilesAreNamed) {
  const TempFolder folder;
  CatalogueEntry entry;
  entry.name = "small";
  entry.files = {
      {"a.bin", 5, std::string(64, '0'), {"http://127.0.0.1:1/a.bin", "file://" + folder.write("bad", "other")}, {}}};
  const std::string message = error_of([&] { download(entry, {}, folder / "t"); });
  EXPECT_CONTAINS(message, "data get small: a.bin could not be fetched");
  EXPECT_CONTAINS(message, "http://127.0.0.1:1/a.bin");
  EXPECT_CONTAINS(message, "SHA-256 is");
  EXPECT_CONTAINS(message, "put these files into");
  EXPECT_FALSE(std::filesystem::exists(folder / "t/a.bin"));
  EXPECT_THROW(download(*find_in_catalogue("iris")), Error);
}

std::string real_data(const char* name) {
  const char* folder = std::getenv("LAMINA_DATA");
  return folder && *folder && std::filesystem::exists(std::string(folder) + "/" + name)
             ? std::string(folder) + "/" + name
             : "";
}

#define SKIP_WITHOUT(name) \
  if (real_data(name).empty()) GTEST_SKIP() << "set LAMINA_DATA to a folder that holds " << name

TEST(RealData, Mnist) {
  SKIP_WITHOUT("mnist");
  const auto [train, test] = mnist();
  EXPECT_EQ(train->size(), 60000);
  EXPECT_EQ(test->size(), 10000);
  EXPECT_EQ(train->info().input, (Shape{1, 28, 28}));
  EXPECT_EQ(train->class_of(0), 5);
  EXPECT_EQ(test->class_of(0), 7);
}

TEST(RealData, Cifar10) {
  SKIP_WITHOUT("cifar10");
  DataOptions o;
  o.format = "cifar10";
  o.root = real_data("cifar10");
  const Splits s = open_dataset(o);
  EXPECT_EQ(s.train->size(), 4000);
  EXPECT_EQ(s.test->size(), 1000);
  EXPECT_EQ(s.train->info().classes[0], "airplane");
}

TEST(RealData, Faces) {
  SKIP_WITHOUT("faces");
  DataOptions o = folder_options(real_data("faces"));
  o.test_fraction = 0.5;
  const Splits s = open_dataset(o);
  EXPECT_EQ(s.train->size(), 200);
  EXPECT_EQ(s.train->info().outputs(), 40);
  EXPECT_EQ(s.train->info().input, (Shape{1, 112, 92}));
}

TEST(RealData, Titanic) {
  SKIP_WITHOUT("tabular");
  DataOptions o;
  o.format = "csv";
  o.root = real_data("tabular") + "/titanic.csv";
  o.target = {"Survived"};
  o.features = {"Pclass", "Sex", "Age", "Fare"};
  o.categories = {"Sex"};
  EXPECT_CONTAINS(error_of([&] { open_dataset(o); }), "titanic.csv:7: column \"Age\": the cell is empty");
  o.missing = "drop";
  o.test_fraction = 0;
  const DatasetPtr set = open_dataset(o).train;
  EXPECT_EQ(set->size(), 891 - 177);
  EXPECT_EQ(set->info().outputs(), 2);
}

}  // namespace
}  // namespace lamina::data
