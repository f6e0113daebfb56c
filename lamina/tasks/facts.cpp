#include "lamina/tasks/facts.h"

#include <nlohmann/json.hpp>

#include "lamina/core/error.h"

namespace lamina::tasks {

using Json = nlohmann::ordered_json;

namespace {
constexpr const char* kTargets[] = {"classes", "tags", "values", "none", "text"};
}

std::string name_of(data::TargetKind kind) { return kTargets[static_cast<size_t>(kind)]; }

std::string to_json(const Facts& facts) {
  const auto list = [](const Shape& s) { return std::vector<int64_t>(s.begin(), s.end()); };
  return Json{{"name", facts.info.name},
              {"input", list(facts.info.input)},
              {"text", facts.info.text},
              {"target", name_of(facts.info.target)},
              {"classes", facts.info.classes},
              {"features", facts.info.features},
              {"fingerprint", facts.info.fingerprint},
              {"network_input", list(facts.input)},
              {"network_dtype", std::string(name_of(facts.dtype))},
              {"network_target", list(facts.target)},
              {"network_outputs", facts.outputs},
              {"transforms", Json::parse(facts.transforms)},
              {"task", Json::parse(facts.task)}}
             .dump(2) +
         "\n";
}

Facts facts_from_json(const std::string& text, const std::string& name) {
  try {
    const Json j = Json::parse(text);
    const auto shape = [&j](const char* key) { return Shape(j.at(key).get<std::vector<int64_t>>()); };
    Facts facts;
    facts.info.name = j.at("name");
    facts.info.input = shape("input");
    const std::string target = j.at("target");
    for (size_t i = 0; i < std::size(kTargets); ++i) {
      if (target == kTargets[i]) facts.info.target = static_cast<data::TargetKind>(i);
    }
    facts.info.classes = j.at("classes").get<std::vector<std::string>>();
    facts.info.features = j.at("features").get<std::vector<std::string>>();
    facts.info.fingerprint = j.at("fingerprint");
    facts.input = shape("network_input");
    facts.dtype = dtype_from_name(j.at("network_dtype").get<std::string>());
    facts.transforms = j.at("transforms").dump();
    // Runs of before there were several kinds of tasks lack these.
    if (j.contains("network_target")) facts.target = shape("network_target");
    facts.outputs = j.value("network_outputs", facts.info.outputs());
    facts.info.text = j.value("text", false);
    if (j.contains("task")) facts.task = j.at("task").dump();
    return facts;
  } catch (const Json::exception& e) {
    throw Error(name, std::string("is not what a run keeps of its data: ") + e.what());
  }
}

}  // namespace lamina::tasks
