#include "lamina/recipe/setting.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lamina/core/error.h"

namespace lamina::recipe {

namespace {

std::string position(const std::string& name, const YAML::Mark& mark) {
  if (mark.is_null()) return name;
  return name + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
}

Setting convert(const YAML::Node& node, const std::string& name) {
  Setting s;
  s.origin = position(name, node.Mark());
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      s.kind = Setting::Kind::scalar;
      s.text = node.Scalar();
      s.quoted = node.Tag() == "!";
      break;
    case YAML::NodeType::Sequence:
      s.kind = Setting::Kind::list;
      for (const YAML::Node& item : node) s.items.push_back(convert(item, name));
      break;
    case YAML::NodeType::Map:
      s.kind = Setting::Kind::map;
      for (const auto& pair : node) {
        if (!pair.first.IsScalar()) throw Error(position(name, pair.first.Mark()), "a key must be a word");
        const std::string key = pair.first.Scalar();
        if (s.find(key)) throw Error(position(name, pair.first.Mark()), "the key \"" + key + "\" is given twice");
        s.fields.emplace_back(key, convert(pair.second, name));
      }
      break;
    default:
      break;
  }
  return s;
}

bool looks_like_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == 0;
}

nlohmann::ordered_json to_json(const Setting& s) {
  using Json = nlohmann::ordered_json;
  switch (s.kind) {
    case Setting::Kind::null:
      return nullptr;
    case Setting::Kind::list: {
      Json list = Json::array();
      for (const Setting& item : s.items) list.push_back(to_json(item));
      return list;
    }
    case Setting::Kind::map: {
      Json map = Json::object();
      for (const auto& [key, value] : s.fields) map[key] = to_json(value);
      return map;
    }
    case Setting::Kind::scalar:
      break;
  }
  if (s.quoted) return s.text;
  if (s.text == "true" || s.text == "false") return s.text == "true";
  if (looks_like_number(s.text)) {
    const Json number = Json::parse(s.text, nullptr, false);
    if (number.is_number()) return number;
    const double value = std::strtod(s.text.c_str(), nullptr);
    if (std::isfinite(value)) return value;
  }
  return s.text;
}

void emit(YAML::Emitter& out, const Setting& s) {
  switch (s.kind) {
    case Setting::Kind::null:
      out << YAML::Null;
      break;
    case Setting::Kind::scalar:
      if (s.quoted) out << YAML::DoubleQuoted;
      out << s.text;
      break;
    case Setting::Kind::list:
      out << YAML::Flow << YAML::BeginSeq;
      for (const Setting& item : s.items) emit(out, item);
      out << YAML::EndSeq;
      break;
    case Setting::Kind::map:
      out << YAML::BeginMap;
      for (const auto& [key, value] : s.fields) {
        out << YAML::Key << key << YAML::Value;
        emit(out, value);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

Setting Setting::scalar(std::string text, std::string origin) {
  Setting s;
  s.kind = Kind::scalar;
  s.text = std::move(text);
  s.origin = std::move(origin);
  return s;
}

const Setting* Setting::find(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return &value;
  }
  return nullptr;
}

Setting* Setting::find(std::string_view name) {
  return const_cast<Setting*>(static_cast<const Setting*>(this)->find(name));
}

Setting& Setting::field(std::string_view name) {
  if (Setting* known = find(name)) return *known;
  kind = Kind::map;
  fields.emplace_back(std::string(name), Setting{});
  return fields.back().second;
}

std::string Setting::describe() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "\"" + text + "\"";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return {};
}

std::string Setting::yaml() const {
  YAML::Emitter out;
  emit(out, *this);
  return std::string(out.c_str()) + "\n";
}

std::string Setting::json() const { return to_json(*this).dump(2); }

Setting parse_yaml(const std::string& text, const std::string& name) {
  try {
    return convert(YAML::Load(text), name);
  } catch (const YAML::Exception& e) {
    throw Error(position(name, e.mark), "not valid YAML: " + e.msg);
  }
}

Setting load_yaml(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(path, std::string("cannot be read: ") + std::strerror(errno));
  std::stringstream text;
  text << file.rdbuf();
  if (file.bad() || !text) throw Error(path, "cannot be read").hint("is it a folder?");
  return parse_yaml(text.str(), path);
}

void apply_override(Setting& root, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error("--set", "expected path=value, got \"" + assignment + "\"").hint("for example --set optimizer.lr=0.01");
  }
  const std::string path = assignment.substr(0, equals), origin = "--set " + path;
  Setting* at = &root;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t dot = std::min(path.find('.', begin), path.size());
    const std::string key = path.substr(begin, dot - begin);
    begin = dot + 1;
    if (key.empty()) throw Error(origin, "an empty name in the path");
    if (at->kind == Setting::Kind::list) {
      char* end = nullptr;
      const unsigned long index = std::strtoul(key.c_str(), &end, 10);
      if (*end || index >= at->items.size()) {
        throw Error(origin,
                    "\"" + key + "\" is no number of an item; the list has " + std::to_string(at->items.size()));
      }
      at = &at->items[index];
    } else {
      if (at->kind == Setting::Kind::scalar && !at->text.empty()) {
        // "optimizer: adam" is short for "optimizer: {name: adam}".
        Setting name = *at;
        *at = Setting{};
        at->field("name") = std::move(name);
      }
      at = &at->field(key);
    }
  }
  *at = parse_yaml(assignment.substr(equals + 1), origin);
  if (!at->defined()) throw Error(origin, "no value was given");
}

}  // namespace lamina::recipe
