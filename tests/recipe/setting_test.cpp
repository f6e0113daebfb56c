#include "lamina/recipe/setting.h"

#include <gtest/gtest.h>

#include "lamina/core/error.h"
#include "lamina/recipe/reader.h"

namespace lamina::recipe {
namespace {

struct Options {
  int64_t epochs = 1;
  double lr = 0.1;
  bool nesterov = false;
  std::string mode = "a";
  Dims kernel = {1};
  std::vector<std::string> names;
  LAMINA_OPTIONS(epochs, lr, nesterov, mode, kernel, names)
};

Options read(const std::string& yaml) {
  const Setting s = parse_yaml(yaml, "r.yaml");
  OptionReader reader(s, "trainer");
  Options o;
  o.visit(reader);
  reader.finish();
  return o;
}

std::string message_of(const std::string& yaml) {
  try {
    read(yaml);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(OptionReader, ReadsEveryKindOfField) {
  const Options o = read("{epochs: 1e1, lr: 5e-4, nesterov: yes, mode: fast, kernel: 3, names: [x, y]}");
  EXPECT_EQ(o.epochs, 10);
  EXPECT_EQ(o.lr, 5e-4);
  EXPECT_TRUE(o.nesterov);
  EXPECT_EQ(o.mode, "fast");
  EXPECT_EQ(o.kernel, (Dims{3}));
  EXPECT_EQ(o.names, (std::vector<std::string>{"x", "y"}));
}

TEST(OptionReader, MistakesNameTheirPlaceAndWhatWasExpected) {
  EXPECT_NE(message_of("epochs: 3\nlr: fast\n").find("r.yaml:2:5: lr: expected a number, got \"fast\""),
            std::string::npos);
  EXPECT_NE(message_of("epochs: 1.5").find("a whole number"), std::string::npos);
  EXPECT_NE(message_of("epochs: 99999999999999999999").find("whole number"), std::string::npos);
  EXPECT_NE(message_of("nesterov: 1").find("true or false"), std::string::npos);
  EXPECT_NE(message_of("mode: [a]").find("a word, got a list"), std::string::npos);
  EXPECT_NE(message_of("lr: .nan").find("a number"), std::string::npos);
  const std::string unknown = message_of("epoch: 3");
  EXPECT_NE(unknown.find("r.yaml:1:8"), std::string::npos) << unknown;
  EXPECT_NE(unknown.find("did you mean \"epochs\"?"), std::string::npos) << unknown;
}

TEST(Setting, MalformedYamlNamesTheLine) {
  try {
    parse_yaml("a: 1\nb: [1, 2\n", "r.yaml");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.where().rfind("r.yaml:", 0), 0U) << e.what();
  }
  EXPECT_THROW(parse_yaml("a: 1\na: 2\n", "r.yaml"), Error);
  EXPECT_THROW(load_yaml("/nonexistent.yaml"), Error);
}

TEST(Setting, OverridesReachAnyKey) {
  Setting s = parse_yaml("model: {layers: [{conv: {out: 6}}]}\noptimizer: adam\n", "r.yaml");
  apply_override(s, "model.layers.0.conv.out=12");
  apply_override(s, "optimizer.lr=0.01");
  apply_override(s, "trainer.epochs=3");
  EXPECT_EQ(to_int(*s.find("model")->find("layers")->items[0].find("conv")->find("out"), "out"), 12);
  EXPECT_EQ(s.find("optimizer")->find("name")->text, "adam");
  EXPECT_EQ(s.find("optimizer")->find("lr")->origin.rfind("--set optimizer.lr", 0), 0U);
  EXPECT_EQ(s.find("trainer")->find("epochs")->text, "3");
  EXPECT_THROW(apply_override(s, "nothing"), Error);
  EXPECT_THROW(apply_override(s, "a..b=1"), Error);
  EXPECT_THROW(apply_override(s, "model.layers.7.x=1"), Error);
}

TEST(Setting, YamlReadsBackEqual) {
  const Setting s = parse_yaml("a: {b: [1, two, \"3\"], c: null}\nd: 1e-3\n", "x");
  EXPECT_EQ(parse_yaml(s.yaml(), "y").json(), s.json());
}

TEST(Setting, TruncatedFilesNeverCrash) {
  const std::string text =
      "data: {format: idx, root: \"a b\"}\nmodel:\n  - conv: {out: 6}\n  - relu\ntrainer: {epochs: 12}\n";
  for (size_t n = 0; n <= text.size(); ++n) {
    try {
      parse_yaml(text.substr(0, n), "t");
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace lamina::recipe
