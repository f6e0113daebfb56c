#include "lamina/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "lamina/core/error.h"
#include "lamina/io/files.h"

namespace lamina::io {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and so is the code here");

namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxHeader = 100'000'000;  // the limit of the format

struct Format {
  std::string_view name;
  DType dtype;  // what it is read as
  size_t size;  // bytes in the file
};
constexpr std::array<Format, 8> kFormats{{{"F32", DType::f32, 4},
                                          {"F64", DType::f64, 8},
                                          {"BF16", DType::bf16, 2},
                                          {"I64", DType::i64, 8},
                                          {"I32", DType::i32, 4},
                                          {"U8", DType::u8, 1},
                                          {"BOOL", DType::boolean, 1},
                                          {"F16", DType::f32, 2}}};

const Format& format_of(DType dtype) {
  return *std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& f) { return f.dtype == dtype; });
}

struct Place {
  TensorInfo info;
  const Format* format = nullptr;
  uint64_t begin = 0, end = 0;  // within the data
};

struct Header {
  std::vector<Place> places;  // by offset
  std::map<std::string, std::string> metadata;
  uint64_t data_begin = 0;
};

std::string quoted(const std::string& name) { return "tensor \"" + name + "\""; }

/// A header that names a tensor twice would lose one of them silently.
Json parse_header(const std::string& text, const std::string& path) {
  std::set<std::string> names;
  const auto no_duplicates = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::key && depth == 1 && !names.insert(value.get<std::string>()).second) {
      throw Error(path, quoted(value.get<std::string>()) + " is named twice");
    }
    return true;
  };
  try {
    Json header = Json::parse(text, no_duplicates);
    if (!header.is_object()) throw Error(path, "the header is not a JSON object");
    return header;
  } catch (const Json::exception& e) {
    throw Error(path, std::string("the header is not JSON: ") + e.what());
  }
}

uint64_t whole_number(const Json& value, const std::string& path, const std::string& name, const char* what) {
  if (!value.is_number_unsigned()) throw Error(path, quoted(name) + ": " + what + " holds " + value.dump());
  return value.get<uint64_t>();
}

Place read_place(const std::string& name, const Json& entry, const std::string& path) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets")) {
    throw Error(path, quoted(name) + ": expected dtype, shape and data_offsets, got " + entry.dump());
  }
  const Json &dtype = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
  Place place;
  place.info.name = name;
  for (const Format& f : kFormats) {
    if (dtype.is_string() && dtype.get<std::string>() == f.name) place.format = &f;
  }
  if (!place.format) {
    throw Error(path, quoted(name) + " has dtype " + dtype.dump())
        .hint("readable are F32, F64, BF16, F16 (as f32), I64, I32, U8, BOOL");
  }
  place.info.dtype = place.format->dtype;
  if (!shape.is_array() || shape.size() > Dims::kMaxRank) {
    throw Error(path, quoted(name) + ": expected a shape of at most 8 extents, got " + shape.dump());
  }
  uint64_t bytes = place.format->size;
  bool overflow = false;
  for (const Json& e : shape) {
    const uint64_t extent = whole_number(e, path, name, "shape");
    overflow |= __builtin_mul_overflow(bytes, extent, &bytes) || extent > INT64_MAX / 16;
    place.info.shape.push_back(static_cast<int64_t>(extent));
  }
  if (!offsets.is_array() || offsets.size() != 2) {
    throw Error(path, quoted(name) + ": expected two data_offsets, got " + offsets.dump());
  }
  place.begin = whole_number(offsets[0], path, name, "data_offsets");
  place.end = whole_number(offsets[1], path, name, "data_offsets");
  if (overflow || place.end < place.begin || place.end - place.begin != bytes) {
    throw Error(path, quoted(name) + ": shape " + place.info.shape.str() + " of " + std::string(place.format->name) +
                          " does not fit data_offsets " + offsets.dump());
  }
  return place;
}

/// Every byte of the data belongs to exactly one tensor.
void check_coverage(const Header& header, uint64_t data_bytes, const std::string& path) {
  uint64_t expected = 0;
  for (const Place& p : header.places) {
    if (p.begin != expected) {
      throw Error(path, quoted(p.info.name) + " begins at byte " + std::to_string(p.begin) + " of the data, expected " +
                            std::to_string(expected) + (p.begin < expected ? " (overlap)" : " (gap)"));
    }
    if (p.end > data_bytes) {
      throw Error(path, quoted(p.info.name) + " ends at byte " + std::to_string(p.end) + " of the data, which has " +
                            std::to_string(data_bytes))
          .hint("the file is truncated");
    }
    expected = p.end;
  }
  if (expected != data_bytes) {
    throw Error(path,
                "tensors cover " + std::to_string(expected) + " of " + std::to_string(data_bytes) + " data bytes");
  }
}

std::ifstream open_file(const std::string& path, uint64_t& size) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) throw Error(path, "is a folder, expected a file");
  size = std::filesystem::file_size(path, code);
  std::ifstream file(path, std::ios::binary);
  if (code || !file) throw Error(path, "cannot be opened: " + (code ? code.message() : std::string("unreadable")));
  return file;
}

void read_bytes(std::ifstream& file, void* to, uint64_t bytes, const std::string& path, const std::string& what) {
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  if (!file) throw Error(path, "cannot be read in " + what);
}

Header read_header(std::ifstream& file, uint64_t size, const std::string& path) {
  if (size < 8) throw Error(path, "has " + std::to_string(size) + " bytes: not a safetensors file");
  uint64_t length = 0;
  read_bytes(file, &length, 8, path, "its header");
  if (length < 2 || length > kMaxHeader || length > size - 8) {
    throw Error(path, "claims a header of " + std::to_string(length) + " bytes, the file has " + std::to_string(size))
        .hint("truncated, or not a safetensors file");
  }
  std::string text(length, '\0');
  read_bytes(file, text.data(), length, path, "its header");
  Header header;
  header.data_begin = 8 + length;
  const Json json = parse_header(text, path);
  for (const auto& [name, entry] : json.items()) {
    if (name != "__metadata__") {
      header.places.push_back(read_place(name, entry, path));
      continue;
    }
    if (!entry.is_object()) throw Error(path, "__metadata__ is not a map of texts");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) throw Error(path, "__metadata__ \"" + key + "\" is not a text");
      header.metadata[key] = value.get<std::string>();
    }
  }
  std::stable_sort(header.places.begin(), header.places.end(), [](const Place& a, const Place& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;  // empty tensors before what shares their offset
  });
  check_coverage(header, size - header.data_begin, path);
  return header;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000U) << 16, exponent = (half >> 10) & 31U,
                 mantissa = half & 1023U;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

Tensor read_tensor(std::ifstream& file, const Place& place, const std::string& path) {
  Tensor t = Tensor::empty(place.info.shape, place.info.dtype);
  const uint64_t bytes = place.end - place.begin;
  if (place.format->name == "F16") {
    std::vector<uint16_t> halves(bytes / 2);
    read_bytes(file, halves.data(), bytes, path, quoted(place.info.name));
    std::transform(halves.begin(), halves.end(), t.mutable_data<float>(), half_to_float);
    return t;
  }
  read_bytes(file, t.mutable_raw(), bytes, path, quoted(place.info.name));
  if (place.info.dtype == DType::boolean) {
    const auto* values = static_cast<const uint8_t*>(t.raw());
    if (std::any_of(values, values + bytes, [](uint8_t v) { return v > 1; })) {
      throw Error(path, quoted(place.info.name) + " is BOOL but holds bytes other than 0 and 1");
    }
  }
  return t;
}

/// Appends the elements in row-major order.
void append_elements(const Tensor& t, std::string& out) {
  const auto* from = static_cast<const char*>(t.raw());
  if (t.is_contiguous()) {
    out.append(from, t.bytes());
    return;
  }
  const size_t element = size_of(t.dtype());
  const Meta& m = t.meta();
  Dims index = Dims::filled(m.rank(), 0);
  int64_t offset = 0;
  for (int64_t i = 0; i < m.numel(); ++i) {
    out.append(from + offset * static_cast<int64_t>(element), element);
    for (int axis = m.rank() - 1; axis >= 0; --axis) {
      offset += m.strides[axis];
      if (++index[axis] < m.shape[axis]) break;
      offset -= m.strides[axis] * m.shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

std::vector<TensorInfo> list_safetensors(const std::string& path) {
  uint64_t size = 0;
  std::ifstream file = open_file(path, size);
  std::vector<TensorInfo> infos;
  for (Place& p : read_header(file, size, path).places) infos.push_back(std::move(p.info));
  return infos;
}

TensorFile load_safetensors(const std::string& path) {
  uint64_t size = 0;
  std::ifstream file = open_file(path, size);
  Header header = read_header(file, size, path);
  TensorFile result;
  result.metadata = std::move(header.metadata);
  for (const Place& p : header.places) result.tensors.push_back({p.info.name, read_tensor(file, p, path)});
  return result;
}

std::string encode_safetensors(const TensorFile& file, const std::string& name) {
  Json header = Json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  // Wide elements first, so that each tensor is aligned to its elements; else in the order given.
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& t : file.tensors) order.push_back(&t);
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return size_of(a->tensor.dtype()) > size_of(b->tensor.dtype());
  });
  uint64_t end = 0;
  for (const NamedTensor* t : order) {
    if (t->name.empty() || t->name == "__metadata__" || header.contains(t->name)) {
      throw Error(name, "cannot store a tensor of the name \"" + t->name + "\": it is taken or reserved");
    }
    const Shape& shape = t->tensor.shape();
    const uint64_t begin = end;
    end += t->tensor.bytes();
    header[t->name] = {{"dtype", format_of(t->tensor.dtype()).name},
                       {"shape", std::vector<int64_t>(shape.begin(), shape.end())},
                       {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception& e) {
    throw Error(name, std::string("a name or metadata is not UTF-8: ") + e.what());
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins at a multiple of 8
  std::string bytes(8, '\0');
  const uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, 8);
  bytes.reserve(8 + text.size() + end);
  bytes += text;
  for (const NamedTensor* t : order) append_elements(t->tensor, bytes);
  return bytes;
}

void save_safetensors(const std::string& path, const TensorFile& file) {
  write_file_atomically(path, encode_safetensors(file, path));
}

}  // namespace lamina::io
