// Every architecture through every test: published counts, training, saving, loading, cloning, resuming.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "../support/files.h"
#include "../support/golden.h"
#include "lamina/data/dataset.h"
#include "lamina/graph/capture.h"
#include "lamina/io/files.h"
#include "lamina/models/registry.h"
#include "lamina/nn/init.h"
#include "lamina/ops/ops.h"
#include "lamina/optim/adam.h"
#include "lamina/recipe/resolver.h"
#include "lamina/train/checkpoint.h"
#include "lamina/train/trainer.h"
#include "model_catalog.h"

namespace lamina::models {
namespace {

using lamina::testing::close;
using lamina::testing::TempFolder;

constexpr int64_t kExamples = 8, kClasses = 4;

class ModelBattery : public ::testing::TestWithParam<ModelRecord> {
 protected:
  /// The small form, drawn from this seed.
  nn::LayerPtr make(int64_t seed = 3) const {
    const ModelRecord& r = GetParam();
    nn::seed(seed);
    const std::string options = r.small.empty() ? "" : ", " + r.small;
    return make_model(recipe::parse_yaml("{name: " + r.name + options + "}", "catalog"),
                      {r.small_input, r.image_result ? r.outputs : kClasses, DType::f32});
  }
  Tensor inputs() const {
    Generator generator(5);
    const GeneratorScope scope(generator);
    Shape shape = GetParam().small_input;
    shape.insert(0, kExamples);
    return contiguous(random_normal(shape));
  }
  data::DatasetPtr examples(nn::Layer& net) const {
    data::DatasetInfo info;
    info.name = "random";
    if (!GetParam().image_result) {
      info.classes = {"a", "b", "c", "d"};
      return data::in_memory(info, inputs(), Tensor::from(std::vector<int64_t>{0, 1, 2, 3, 0, 1, 2, 3}, {kExamples}));
    }
    info.target = data::TargetKind::values;
    const Tensor x = inputs();
    const nn::ModeScope mode(nn::Mode::eval);
    const Tensor like = net(x);
    return data::in_memory(info, x, contiguous(full(like.shape(), 0.5)));
  }
  LossFn loss() const { return GetParam().image_result ? LossFn(loss::mse) : LossFn(loss::cross_entropy); }

  /// Trains the network in a folder, and stops after the given step, if any.
  train::Results fit(nn::Layer& net, const std::string& folder, int64_t epochs, int64_t stop = -1) const {
    class Stop final : public train::Callback {
     public:
      explicit Stop(int64_t step) : step_(step) {}
      void on_step(train::Trainer& t) override {
        if (t.progress().step == step_) t.request_stop("test");
      }
      std::string name() const override { return "stop"; }

     private:
      int64_t step_;
    };
    train::Supervised task{net, loss()};
    train::Trainer trainer{
        task, optim::Adam{{.lr = 2e-3}}, {.epochs = epochs, .batch = kExamples, .run_dir = folder, .progress = false}};
    trainer.add(std::make_shared<Stop>(stop));
    return trainer.fit(examples(net));
  }
};

TEST_P(ModelBattery, HasItsPublishedParametersAndResult) {
  const ModelRecord& r = GetParam();
  const nn::init::ShapesOnly nothing_drawn;
  const nn::LayerPtr net =
      make_model(recipe::parse_yaml("{name: " + r.name + "}", "catalog"), {r.input, r.outputs, DType::f32});
  EXPECT_EQ(net->parameter_count(), r.parameters);
  const Shape out = output_shape(*net, r.input);
  EXPECT_EQ(out[0], r.outputs);
  EXPECT_EQ(out.rank(), r.image_result ? 3 : 1);
  EXPECT_EQ(net->parameter_count(), r.parameters);
}

TEST_P(ModelBattery, CapturedAndClonedRunsLikeEager) {
  for (const nn::Mode mode : {nn::Mode::eval, nn::Mode::train}) {
    // Batch norm over few values amplifies rounding with each of a hundred layers.
    if (mode == nn::Mode::train && GetParam().deeper_form) continue;
    const nn::ModeScope scope(mode);
    const nn::LayerPtr eager = make(), compiled = nn::clone(static_cast<const nn::Layer&>(*eager));
    std::vector<Variable> state;
    for (const nn::NamedVariable& v : compiled->state()) state.push_back(v.variable);
    graph::Captured captured([&](const Tensors& in) { return Tensors{(*compiled)(in[0])}; }, state);
    const Tensor x = inputs();
    const Tensor expected = (*eager)(x);
    // Without normalization by the batch the values of deep networks are large, and their classes differences of these.
    const double scale = 1 / amax(abs(expected)).item();
    EXPECT_TRUE(close(captured({x})[0] * scale, expected * scale, 1e-4)) << (mode == nn::Mode::eval ? "eval" : "train");
  }
}

class ModelTraining : public ModelBattery {};

TEST_P(ModelTraining, OverfitsOneBatch) {
  const double before = fit(*make(), "", 1).values.at("loss");
  EXPECT_LT(fit(*make(), "", 100).values.at("loss"), 0.5 * before);
}

TEST_P(ModelTraining, ResumedEndsWithTheSameBitsAndItsWeightsLoad) {
  const TempFolder folder;
  const nn::LayerPtr net = make();
  fit(*net, folder / "straight", 3);
  fit(*make(), folder / "stopped", 3, 2);
  fit(*make(4), folder / "stopped", 3);
  const std::string file = "/checkpoints/last/model.safetensors";
  EXPECT_EQ(io::read_file((folder / "stopped") + file), io::read_file((folder / "straight") + file));

  const nn::LayerPtr loaded = make(5);
  train::load_weights(*loaded, (folder / "straight") + file);
  EXPECT_EQ((*loaded)(inputs()).values(), (*net)(inputs()).values());
}

std::string test_name(const ::testing::TestParamInfo<ModelRecord>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(All, ModelBattery, ::testing::ValuesIn(model_catalog()), test_name);
INSTANTIATE_TEST_SUITE_P(All, ModelTraining, ::testing::ValuesIn([] {
                           std::vector<ModelRecord> trained = model_catalog();
                           std::erase_if(trained, [](const ModelRecord& r) { return r.deeper_form; });
                           return trained;
                         }()),
                         test_name);

TEST(ModelCatalog, HasARecordForEveryModel) {
  std::set<std::string> recorded;
  for (const ModelRecord& r : model_catalog()) recorded.insert(r.name);
  for (const auto& entry : model_table()) {
    EXPECT_TRUE(recorded.contains(std::string(entry.name))) << entry.name << " has no record in model_catalog()";
  }
  EXPECT_EQ(recorded.size(), model_table().size());
}

}  // namespace
}  // namespace lamina::models
