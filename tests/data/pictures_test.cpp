// Folders and tables of pictures: bad files, tags, parts, what is kept in memory.
#include <filesystem>
#include <numeric>

#include "lamina/data/open.h"
#include "lamina/data/split.h"
#include "lamina/io/files.h"
#include "lamina/io/image.h"
#include "tests/support/files.h"

namespace lamina::data {
namespace {

using testing::error_of;
using testing::TempFolder;

const std::string kGolden = LAMINA_SOURCE_DIR "/tests/golden/io/";

std::string png(int64_t channels, int value) {
  return io::encode_png(
      Tensor::from(std::vector<int64_t>(static_cast<size_t>(channels * 6), value), {channels, 2, 3}, DType::u8));
}

DataOptions options_for(const std::string& format, const std::string& root) {
  DataOptions o;
  o.format = format;
  o.root = root;
  o.test_fraction = 0;
  return o;
}

/// Two classes of good pictures, and one bad file of each kind.
void write_mixed(const TempFolder& folder) {
  for (int i = 0; i < 4; ++i) {
    folder.write("f/a/" + std::to_string(i) + ".png", png(1, i));
    folder.write("f/b/" + std::to_string(i) + ".png", png(1, 10 + i));
  }
  const std::string jpeg = io::read_file(kGolden + "rgb.jpg");
  folder.write("f/a/truncated.jpg", jpeg.substr(0, jpeg.size() / 2));
  folder.write("f/a/empty.png", "");
  folder.write("f/a/text.jpg", "no picture at all");
  folder.write("f/a/notes.txt", "notes");
  folder.write("f/b/cmyk.jpg", io::read_file(kGolden + "cmyk.jpg"));
  folder.write("f/b/moving.gif", "GIF89a and so on");
  folder.write("f/b/bomb.pgm", "P5 99999999 99999999 255\n.");
  std::string animated = png(1, 1);
  animated.insert(33, std::string("\0\0\0\x08"
                                  "acTL"
                                  "\0\0\0\x02\0\0\0\0"
                                  "\0\0\0\0",
                                  20));
  folder.write("f/b/animated.png", animated);
  // Its ending lies, but it can be read.
  folder.write("f/b/really-a-png.jpg", png(1, 20));
}

TEST(Pictures, BadFilesAreOneList) {
  const TempFolder folder;
  write_mixed(folder);
  const std::string text = error_of([&] { open_parts(options_for("folder", folder / "f")); });
  EXPECT_CONTAINS(text, "8 of 17 files cannot be read as pictures");
  EXPECT_CONTAINS(text, "a/truncated.jpg: corrupt");
  EXPECT_CONTAINS(text, "a/empty.png: is empty");
  EXPECT_CONTAINS(text, "a/text.jpg: is not a picture that can be read");
  EXPECT_CONTAINS(text, "a/notes.txt: is not a picture that can be read");
  EXPECT_CONTAINS(text, "b/cmyk.jpg: is a JPEG in CMYK colours");
  EXPECT_CONTAINS(text, "b/moving.gif: is a GIF file, which cannot be read");
  EXPECT_CONTAINS(text, "b/bomb.pgm: truncated");
  EXPECT_CONTAINS(text, "b/animated.png: is an animated PNG");
  EXPECT_CONTAINS(text, "on_bad_image: skip");
  EXPECT_EQ(text.find("really-a-png"), std::string::npos);
}

TEST(Pictures, BadFilesAreSkippedAndListed) {
  const TempFolder folder;
  write_mixed(folder);
  DataOptions o = options_for("folder", folder / "f");
  o.on_bad_image = "skip";
  const DatasetPtr set = open_parts(o).train;
  EXPECT_EQ(set->size(), 9);
  for (int64_t i = 0; i < set->size(); ++i) EXPECT_EQ(set->get(i)[0].shape(), (Shape{1, 2, 3}));
  const std::vector<std::string>& notes = set->info().notes;
  const std::string all = std::accumulate(notes.begin(), notes.end(), std::string());
  EXPECT_CONTAINS(all, "left out 8 of 17 files");
  EXPECT_CONTAINS(all, "b/cmyk.jpg: is a JPEG in CMYK");
  o.on_bad_image = "ignore";
  EXPECT_CONTAINS(error_of([&] { open_parts(o); }), "expected error or skip, got \"ignore\"");
}

TEST(Pictures, ClassesNeedTrainingPictures) {
  const TempFolder folder;
  for (int i = 0; i < 9; ++i) folder.write("f/a/" + std::to_string(i) + ".png", png(1, i));
  folder.write("f/single/1.png", png(1, 99));
  DataOptions o = options_for("folder", folder / "f");
  o.test_fraction = o.validation = 0.3;
  for (o.seed = 0; o.seed < 20; ++o.seed) {
    const Parts parts = open_parts(o);
    const std::vector<int64_t> ids = class_ids(*parts.train);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 1), 1) << o.seed;
    EXPECT_EQ(parts.test->size(), 3);
  }
  const DatasetPtr train = open_parts(o).train;
  EXPECT_CONTAINS(std::accumulate(train->info().notes.begin(), train->info().notes.end(), std::string()), "single");
  std::filesystem::create_directories(folder / "f/nothing");
  EXPECT_CONTAINS(error_of([&] { open_parts(o); }), "there are no training pictures of: nothing");
}

TEST(Pictures, FoldersAsArchivesUnpack) {
  const TempFolder folder;
  for (const char* part : {"Train", "valid", "TEST"}) {
    for (const char* c : {"a", "b"}) folder.write(std::string("f/set/") + part + "/" + c + "/x/1.png", png(3, 5));
  }
  const Parts parts = open_parts(options_for("folder", folder / "f"));
  EXPECT_EQ(parts.train->size(), 2);
  EXPECT_EQ(parts.validation->size(), 2);
  EXPECT_EQ(parts.test->size(), 2);
  EXPECT_EQ(parts.train->info().classes, (std::vector<std::string>{"a", "b"}));
}

TEST(Pictures, WithoutClassesThereAreNoTargets) {
  const TempFolder folder;
  for (int i = 0; i < 3; ++i) folder.write("f/" + std::to_string(i) + ".png", png(1, i));
  const DatasetPtr set = open_parts(options_for("folder", folder / "f")).train;
  EXPECT_EQ(set->info().target, TargetKind::none);
  ASSERT_EQ(set->size(), 3);
  ASSERT_EQ(set->get(2).size(), 1U);
  EXPECT_EQ(set->get(2)[0].at({0, 0, 0}), 2);
}

TEST(Pictures, ATestPartMayStandAlone) {
  const TempFolder folder;
  for (const char* c : {"a", "b"}) folder.write(std::string("f/test/") + c + "/1.png", png(1, 5));
  const DataOptions options = options_for("folder", folder / "f");
  const DatasetPtr set = open_to_test(options, folder / "f");
  EXPECT_EQ(set->size(), 2);
  EXPECT_EQ(set->info().classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_CONTAINS(error_of([&] { open_parts(options); }), "holds a test part only");
}

TEST(Pictures, WhatFileManagersLeaveIsNoPicture) {
  const TempFolder folder;
  for (const char* name : {".DS_Store", "._1.png", "Thumbs.db", "desktop.ini"})
    folder.write(std::string("f/a/") + name, "x");
  folder.write("f/.cache/1.png", "x");
  folder.write("f/__MACOSX/a/._1.png", "x");
  folder.write("f/a/__MACOSX/1.png", "x");
  folder.write("f/a/1.png", png(1, 1));
  const DatasetPtr set = open_parts(options_for("folder", folder / "f")).train;
  EXPECT_EQ(set->size(), 1);
  EXPECT_EQ(set->info().classes, (std::vector<std::string>{"a"}));
}

TEST(Pictures, FoldersOfTags) {
  const TempFolder folder;
  folder.write("f/cat/1.png", png(1, 1));
  folder.write("f/dog/1.png", png(1, 1));
  folder.write("f/dog/2.png", png(1, 2));
  DataOptions o = options_for("folder", folder / "f");
  o.kind = "tags";
  const DatasetPtr set = open_parts(o).train;
  ASSERT_EQ(set->size(), 2);
  EXPECT_EQ(set->info().target, TargetKind::tags);
  EXPECT_EQ(set->get(0)[1].floats(), (std::vector<float>{1, 1}));
  EXPECT_EQ(set->get(1)[1].floats(), (std::vector<float>{0, 1}));
}

TEST(Manifest, ClassesTagsAndParts) {
  const TempFolder folder;
  for (int i = 0; i < 4; ++i) folder.write("m/img/" + std::to_string(i) + ".png", png(1, i));
  const std::string classes = folder.write(
      "m/classes.csv",
      "file,label,split\nimg/0.png,cat,train\nimg/1.png,dog,train\nimg/2.png,cat,val\nimg/3.png,dog,test\n");
  const Parts parts = open_parts(options_for("manifest", classes));
  EXPECT_EQ(parts.train->info().classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(parts.train->size(), 2);
  EXPECT_EQ(parts.validation->get(0)[0].at({0, 0, 0}), 2);
  EXPECT_EQ(parts.test->class_of(0), 1);
  const std::string cells = folder.write("m/tags.csv", "path,tags\n0.png,cat;small dog\n1.png,\n2.png,small dog\n");
  DataOptions tags = options_for("manifest", cells);
  tags.kind = "tags";
  tags.images = "img";
  const DatasetPtr set = open_parts(tags).train;
  EXPECT_EQ(set->info().classes, (std::vector<std::string>{"cat", "small dog"}));
  EXPECT_EQ(set->get(0)[1].floats(), (std::vector<float>{1, 1}));
  EXPECT_EQ(set->get(1)[1].floats(), (std::vector<float>{0, 0}));
  DataOptions columns =
      options_for("manifest", folder.write("m/c.csv", "path,cat,dog\nimg/0.png,1,0\nimg/1.png,1,1\n"));
  columns.target = {"cat", "dog"};
  EXPECT_EQ(open_parts(columns).train->get(1)[1].floats(), (std::vector<float>{1, 1}));
}

TEST(Manifest, MistakesNameTheLine) {
  const TempFolder folder;
  folder.write("m/0.png", png(1, 0));
  const auto error = [&](const std::string& text, DataOptions o = {}) {
    o.format = "manifest";
    o.root = folder.write("m/m.csv", text);
    o.test_fraction = 0;
    return error_of([&] { open_parts(o); });
  };
  EXPECT_CONTAINS(error("path,label\n0.png,a\nmissing.png,b\n"), "missing.png");
  EXPECT_CONTAINS(error("path,label\n0.png,a\n,b\n"), "m.csv:3: the path is empty");
  EXPECT_CONTAINS(error("path,label\n0.png,\n"), "m.csv:2: the label is empty");
  EXPECT_CONTAINS(error("path,label,split\n0.png,a,learn\n"), "expected train, validation or test, got \"learn\"");
  EXPECT_CONTAINS(error("path,a,b\n0.png,1,2\n", {.target = {"a", "b"}}), "a tag is 0 or 1, got 2");
  EXPECT_CONTAINS(error("path,label\n0.png,a\n", {.classes = {"x"}}), "\"a\" is no class of data.classes");
  EXPECT_CONTAINS(error("path,label\n0.png,a\n", {.kind = "values"}), "classes or tags");
}

TEST(Pictures, DecodedOnesAreKeptWithinTheBudget) {
  const TempFolder folder;
  for (int i = 0; i < 6; ++i) {
    const std::vector<int64_t> pixels(600 * 600, i);
    folder.write("f/a/" + std::to_string(i) + ".png", io::encode_png(Tensor::from(pixels, {1, 600, 600}, DType::u8)));
  }
  DataOptions o = options_for("folder", folder / "f");
  o.cache_mb = 1;  // two of them
  const DatasetPtr set = open_parts(o).train;
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(set->get(i)[0].at({0, 5, 5}), i);
  int kept = 0;
  for (int64_t i = 0; i < 6; ++i) {
    const Tensor once = set->get(i)[0], again = set->get(i)[0];
    kept += once.raw() == again.raw();
    EXPECT_EQ(again.at({0, 7, 7}), i);
  }
  EXPECT_EQ(kept, 2);
}

TEST(Pictures, JpegsAreDecodedNoLargerThanNeeded) {
  const std::string path = kGolden + "rgb.jpg";  // 12 × 16
  EXPECT_EQ(io::decode_image(path, {6, 8}).shape(), (Shape{3, 6, 8}));
  EXPECT_EQ(io::decode_image(path, {7, 8}).shape(), (Shape{3, 12, 16}));
  EXPECT_EQ(io::decode_image(path, {3, 3}).shape(), (Shape{3, 3, 4}));
  EXPECT_EQ(io::decode_image(path, {1, 1}).shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(io::decode_image(kGolden + "orientation_6.jpg", {6, 8}).shape(), (Shape{3, 6, 8}));
  EXPECT_EQ(io::decode_image(kGolden + "rgb.png", {1, 1}).shape(), (Shape{3, 12, 16}));
  // The mean stays.
  const auto mean = [](const Tensor& x) {
    const std::vector<float> v = x.floats();
    return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
  };
  EXPECT_NEAR(mean(io::decode_image(path, {6, 8})), mean(io::decode_image(path)), 2);
}

}  // namespace
}  // namespace lamina::data
