#include "lamina/io/safetensors.h"

#include <cmath>
#include <cstring>

#include "lamina/io/files.h"
#include "lamina/tensor/tensor_impl.h"
#include "tests/support/files.h"

namespace lamina::io {
namespace {

using testing::error_of;
using testing::TempFolder;

const std::string kGolden = LAMINA_SOURCE_DIR "/tests/golden/io/";

Tensor find(const TensorFile& file, const std::string& name) {
  for (const NamedTensor& t : file.tensors) {
    if (t.name == name) return t.tensor;
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

std::string with_header(const std::string& json, size_t data_bytes = 0) {
  const uint64_t length = json.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + json + std::string(data_bytes, '\1');
}

std::string error_with_header(const std::string& json, size_t data_bytes = 0) {
  const TempFolder folder;
  const std::string path = folder.write("bad.safetensors", with_header(json, data_bytes));
  const std::string message = error_of([&] { load_safetensors(path); });
  EXPECT_CONTAINS(message, "bad.safetensors: ");
  EXPECT_EQ(error_of([&] { list_safetensors(path); }), message);
  return message;
}

TEST(Safetensors, ReadsWhatTheReferenceLibraryWrote) {
  const TensorFile file = load_safetensors(kGolden + "all.safetensors");
  EXPECT_EQ(file.metadata.at("format"), "pt");
  EXPECT_EQ(find(file, "f64").values(), (std::vector<double>{1.5, -2, 1e300, 0.1}));
  EXPECT_EQ(find(file, "f64").shape(), (Shape{2, 2}));
  EXPECT_EQ(find(file, "f32").floats(), (std::vector<float>{1, -2.5F, 3e38F}));
  EXPECT_EQ(find(file, "bf16").dtype(), DType::bf16);
  EXPECT_EQ(find(file, "bf16").values(), (std::vector<double>{1, -2, 3.140625}));
  EXPECT_EQ(find(file, "f16").dtype(), DType::f32);
  EXPECT_EQ(find(file, "f16").floats(), (std::vector<float>{1, -0.5F, 65504, 0x1p-24F, INFINITY}));
  EXPECT_EQ(find(file, "i64").ints(), (std::vector<int64_t>{-(int64_t{1} << 62), 7}));
  EXPECT_EQ(find(file, "i32").ints(), (std::vector<int64_t>{-5, 2147483647}));
  EXPECT_EQ(find(file, "u8").shape(), (Shape{1, 1, 3}));
  EXPECT_EQ(find(file, "u8").ints(), (std::vector<int64_t>{0, 127, 255}));
  EXPECT_EQ(find(file, "bool").dtype(), DType::boolean);
  EXPECT_EQ(find(file, "bool").ints(), (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(find(file, "scalar").item(), 2.5);
  EXPECT_EQ(find(file, "empty").shape(), (Shape{0, 3}));
}

TEST(Safetensors, WritesTheBytesOfTheReferenceLibrary) {
  const TempFolder folder;
  const std::string path = folder / "two.safetensors";
  save_safetensors(path,
                   {{{"a", Tensor::from({0, 1, 2, 3, 4, 5}, {2, 3})}, {"b", Tensor::from({1}, {1}, DType::u8)}}, {}});
  EXPECT_EQ(read_file(path), read_file(kGolden + "two.safetensors"));
}

TEST(Safetensors, RoundTripsEveryDtype) {
  TensorFile file;
  file.metadata = {{"note", "ä \"quoted\""}};
  for (DType d : {DType::u8, DType::f64, DType::boolean, DType::bf16, DType::i64, DType::f32, DType::i32}) {
    file.tensors.push_back({"layer." + std::string(name_of(d)), Tensor::from({1, 0, 1, 1, 0}, {5}, d)});
  }
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  save_safetensors(path, file);
  const TensorFile back = load_safetensors(path);
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const NamedTensor& t : file.tensors) {
    EXPECT_EQ(find(back, t.name).meta(), t.tensor.meta());
    EXPECT_EQ(find(back, t.name).values(), t.tensor.values());
  }
  const std::vector<TensorInfo> infos = list_safetensors(path);
  ASSERT_EQ(infos.size(), back.tensors.size());
  for (size_t i = 0; i < infos.size(); ++i) {
    EXPECT_EQ(infos[i].name, back.tensors[i].name);
    EXPECT_EQ(infos[i].shape, back.tensors[i].tensor.shape());
  }
  uint64_t header = 0;
  std::memcpy(&header, read_file(path).data(), 8);
  EXPECT_EQ(header % 8, 0U);
}

TEST(Safetensors, StridedTensorsAreWrittenInOrder) {
  auto impl = std::make_shared<TensorImpl>();
  impl->storage = Tensor::from({1, 2, 3, 4, 5, 6}, {2, 3}).impl()->storage;
  impl->meta.shape = {3, 2};
  impl->meta.strides = {1, 3};
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  save_safetensors(path, {{{"t", Tensor(impl)}}, {}});
  EXPECT_EQ(find(load_safetensors(path), "t").floats(), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const TempFolder folder;
  testing::expect_errors_when_truncated(read_file(kGolden + "all.safetensors"), [&](std::string_view b) {
    const std::string path = folder.write("cut", b);
    EXPECT_THROW(list_safetensors(path), Error);
    load_safetensors(path);
  });
}

TEST(Safetensors, HeadersAreCheckedStrictly) {
  EXPECT_CONTAINS(error_with_header("{]"), "not JSON");
  EXPECT_CONTAINS(error_with_header("[]"), "not a JSON object");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
                  "does not fit data_offsets");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8), "cover 4 of 8");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8), "(gap)");
  EXPECT_CONTAINS(
      error_with_header(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
          5),
      "\"b\" begins at byte 3 of the data, expected 4 (overlap)");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4), "truncated");
  EXPECT_CONTAINS(
      error_with_header(
          R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
      "named twice");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,1]}})", 1), "readable are F32");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1), "shape holds -1");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1),
                  "at most 8");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),
                  "does not fit");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1), "does not fit");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1), "expected dtype");
  EXPECT_CONTAINS(error_with_header(R"({"a":5})"), "expected dtype");
  EXPECT_CONTAINS(error_with_header(R"({"__metadata__":{"k":1}})"), "not a text");
  EXPECT_CONTAINS(error_with_header(R"({"a":{"dtype":"F32","shape":"x","data_offsets":[0,4]}})", 4),
                  "expected a shape");
}

TEST(Safetensors, BadValuesAndNamesAreErrors) {
  const TempFolder folder;
  const std::string path =
      folder.write("b", with_header(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})") + "\2");
  EXPECT_CONTAINS(error_of([&] { load_safetensors(path); }), "bytes other than 0 and 1");
  EXPECT_CONTAINS(error_of([&] { load_safetensors(folder.write("h", std::string(8, '\x7f') + "{}")); }),
                  "claims a header of");
  EXPECT_THROW(load_safetensors(folder / "none"), Error);
  EXPECT_CONTAINS(error_of([&] { load_safetensors(folder.path()); }), "is a folder");
  const Tensor one = Tensor::from({1}, {1});
  EXPECT_THROW(save_safetensors(folder / "x", {{{"a", one}, {"a", one}}, {}}), Error);
  EXPECT_THROW(save_safetensors(folder / "x", {{{"__metadata__", one}}, {}}), Error);
  EXPECT_THROW(save_safetensors(folder / "x", {{{"\xff", one}}, {}}), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

}  // namespace
}  // namespace lamina::io
