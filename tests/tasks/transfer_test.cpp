// A trained network as the start of another one: recipes, features, classes.
#include "lamina/tasks/transfer.h"

#include "lamina/data/open.h"
#include "lamina/data/split.h"
#include "lamina/io/csv.h"
#include "lamina/io/safetensors.h"
#include "lamina/train/checkpoint.h"
#include "tests/tasks/toy_runs.h"

namespace lamina::tasks {
namespace {

const std::string kModel = "transforms: [scale]\nmodel: {name: small_cnn, filters: [8, 16]}\n";
const std::string kLow = "data: {format: builtin, name: digits, keep_classes: ['0', '1', '2', '3', '4']}\n" + kModel +
                         "optimizer: {name: adam, lr: 5e-3}\ntrainer: {epochs: 3, batch: 32}\n";
const std::string kHigh =
    "data: {format: builtin, name: digits, keep_classes: ['7', '6', '9'], per_class: 20}\n" + kModel;

class Transfer : public ToyRuns {
 protected:
  std::string message_of_init(const std::string& yaml) const {
    try {
      const recipe::Setting recipe = load_recipe(write("wrong.yaml", yaml));
      recipe::Setting resolved;
      const DataParts data = open_data(recipe, resolved);
      const Plan plan = make_plan(recipe, data.facts, resolved);
      initialize(plan, data.facts);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
};

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "looked for: " << part << "\nin: " << text;
}

TEST_F(Transfer, ClassesAndExamplesPerClassAreChosen) {
  const recipe::Setting recipe = load_recipe(write("high.yaml", kHigh));
  recipe::Setting resolved;
  const DataParts parts = open_data(recipe, resolved);
  EXPECT_EQ(parts.facts.info.classes, std::vector<std::string>({"7", "6", "9"}));
  EXPECT_EQ(parts.train->size(), 60);
  std::vector<int64_t> counts(3);
  for (const int64_t id : data::class_ids(*parts.train)) ++counts.at(static_cast<size_t>(id));
  EXPECT_EQ(counts, std::vector<int64_t>({20, 20, 20}));
  // An id is the place in the list, by example and by batch, and the pictures are those of the whole set.
  const data::DatasetPtr whole = data::builtin("digits"), seven = data::of_classes(whole, {"9", "7"});
  int64_t next = 0;
  for (int64_t i = 0; i < whole->size() && next < 20; ++i) {
    const int64_t id = whole->class_of(i);
    if (id != 7 && id != 9) continue;
    EXPECT_EQ(seven->class_of(next), id == 9 ? 0 : 1);
    EXPECT_EQ(seven->get(next)[1].item(), id == 9 ? 0 : 1);
    EXPECT_EQ(seven->get(next)[0].values(), whole->get(i)[0].values());
    ++next;
  }
  EXPECT_NE(seven->info().fingerprint, data::of_classes(whole, {"7", "9"})->info().fingerprint);
  // More examples of a class include the fewer.
  const data::DatasetPtr five = data::at_most_per_class(whole, 5, 1), ten = data::at_most_per_class(whole, 10, 1);
  EXPECT_EQ(five->size(), 50);
  int64_t found = 0;
  for (int64_t i = 0; i < five->size(); ++i) {
    for (int64_t k = 0; k < ten->size(); ++k) found += five->label(i) == ten->label(k);
  }
  EXPECT_EQ(found, 50);
  expect_contains(message_of("data: {format: builtin, name: digits, keep_classes: ['1', '11']}\n" + kModel),
                  "has no class \"11\"");
  expect_contains(message_of("data: {format: builtin, name: diabetes, per_class: 3}\nmodel: linear\n"),
                  "has no classes");
}

TEST_F(Transfer, ARecipeBeginsWithTheWeightsOfARun) {
  const tasks::Run low = train("low", kLow);
  const std::string from = "init: {from: " + low.path + ", new_head: true}\n";
  const recipe::Setting recipe = load_recipe(write("high.yaml", kHigh + from + "trainer: {freeze: [features]}\n"));
  recipe::Setting resolved;
  const DataParts data = open_data(recipe, resolved);
  const Plan plan = make_plan(recipe, data.facts, resolved);
  const Initialized init = initialize(plan, data.facts);
  EXPECT_EQ(init.from, train::weights_file(low.path));
  EXPECT_EQ(init.report.left.size(), 2U);
  std::map<std::string, Tensor> wanted;
  for (const auto& t : io::load_safetensors(init.from).tensors) wanted[t.name] = t.tensor;
  size_t equal = 0;
  for (const nn::NamedVariable& v : plan.task->module().state()) {
    const Tensor& w = wanted.at(v.name);
    equal += w.shape() == v.variable.value().shape() && w.values() == v.variable.value().values();
  }
  EXPECT_EQ(equal, init.report.taken.size());
  EXPECT_EQ(equal, plan.task->module().state().size() - 2);
  // The resolved recipe repeats it, and a head of the same size begins anew too.
  EXPECT_EQ(plan.resolved.find("init")->find("from")->text, low.path);
  const std::string five = "data: {format: builtin, name: digits, keep_classes: ['5', '6', '7', '8', '9']}\n" + kModel;
  const recipe::Setting same = load_recipe(write("five.yaml", five + from));
  recipe::Setting ignored;
  const DataParts other = open_data(same, ignored);
  EXPECT_EQ(initialize(make_plan(same, other.facts, ignored), other.facts).report.left.size(), 2U);
}

TEST_F(Transfer, MistakesOfInitNameTheirPlace) {
  const tasks::Run low = train("low", kLow);
  expect_contains(message_of_init(kHigh + "init: " + low.path + "\n"), "the network has [3");
  expect_contains(message_of_init(kHigh + "init: " + low.path + "\n"), "new_head");
  expect_contains(message_of_init(kHigh + "init: /no/such/run\n"), "/no/such/run: there is no such run directory");
  expect_contains(message_of_init(kHigh + "init: {exept: [a]}\n"), "did you mean \"except\"?");
  expect_contains(message_of_init(kHigh + "init: {except: [a]}\n"), "init: \"from\" is missing");
  expect_contains(message_of_init(kHigh + "trainer: {freeze: [featurs]}\n"), "did you mean \"features\"?");
  expect_contains(message_of_init(kHigh + "init: " + write("junk.safetensors", "junk") + "\n"), "junk.safetensors");
}

TEST_F(Transfer, FeaturesGoToTables) {
  const tasks::Run low = train("low", kLow);
  FeatureSource source = feature_source(low.path);
  recipe::Setting resolved;
  const DataParts data = open_data(load_recipe(write("high.yaml", kHigh)), resolved);
  const Features found = extract_features(source, data.train, {.batch = 32});
  EXPECT_EQ(found.values.size(0), 60);
  write_features(path("f.csv"), found, *data.train);
  const io::CsvTable table = io::read_csv(path("f.csv"));
  const int64_t width = found.values.numel() / 60;
  ASSERT_EQ(static_cast<int64_t>(table.columns().size()), width + 1);
  EXPECT_EQ(table.columns().front(), "f1");
  EXPECT_EQ(table.columns().back(), "label");
  const std::vector<float> values = found.values.floats();
  for (int64_t i = 0; i < 60; ++i) {
    EXPECT_EQ(static_cast<float>(table.number(i, 2)), values[static_cast<size_t>(i * width + 2)]);
    EXPECT_EQ(table.cell(i, width), data.facts.info.classes.at(static_cast<size_t>(data.train->class_of(i))));
  }
  write_features(path("f.safetensors"), found, *data.train, true);
  const io::TensorFile file = io::load_safetensors(path("f.safetensors"));
  EXPECT_EQ(file.tensors.size(), 2U);
  EXPECT_EQ(file.metadata.at("classes"), R"(["7","6","9"])");
  EXPECT_THROW(write_features(path("f.txt"), found, *data.train), Error);
  // The network itself, and a file of weights whose head has another size.
  const Features all = extract_features(source, data.train, {.layer = "features"});
  EXPECT_EQ(all.values.size(0), 60);
  FeatureSource by_file = feature_source(train::weights_file(low.path), write("high.yaml", kHigh));
  EXPECT_EQ(extract_features(by_file, data.train).values.values(), found.values.values());
  EXPECT_THROW(feature_source(train::weights_file(low.path)), Error);
}

}  // namespace
}  // namespace lamina::tasks
