#include <cmath>

#include "lamina/report/grid.h"
#include "lamina/tasks/evaluate.h"
#include "lamina/tasks/kind.h"
#include "lamina/tasks/report.h"
#include "tests/tasks/toy_runs.h"

namespace lamina::tasks {
namespace {

class Pictures : public ToyRuns {};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string kDigits = "data: {format: builtin, name: digits, limit: 200}\n";
const std::string kNet =
    "model:\n  layers:\n    - conv2d: {out: 8, kernel: 3, padding: 1}\n    - relu\n    - max_pool2d: 2\n"
    "    - conv_transpose2d: {out: 8, kernel: 2, stride: 2}\n    - relu\n"
    "    - conv2d: {out: 1, kernel: 3, padding: 1}\n";
const std::string kShort = "trainer: {epochs: 3, batch: 16}\noptimizer: {name: adam, lr: 1e-2}\n";

Prediction predict_one(const tasks::Run& run, const std::string& file) { return predict(run, {file}).front(); }

TEST_F(Pictures, DenoisingBeatsTheNoisyInputAndRepeats) {
  const tasks::Run run = train("noisy", "task: {name: denoise, sigma: 0.5}\n" + kDigits + kNet + kShort);
  EXPECT_EQ(run.recipe.find("task")->find("clip")->text, "true");
  recipe::Setting resolved;
  const DataParts data = open_data(run.recipe, resolved);
  const auto values = evaluate(run, data.test).values;
  EXPECT_GT(values.at("psnr_gain"), 1);
  EXPECT_NEAR(values.at("psnr_gain"), values.at("psnr") - values.at("input_psnr"), 1e-9);
  EXPECT_EQ(evaluate(run, data.test).values, values);
  EXPECT_FALSE(values.contains("accuracy"));
}

TEST_F(Pictures, NoiseHasItsDeviationAndIsAFunctionOfSeedEpochAndIndex) {
  const recipe::Setting recipe =
      load_recipe(write("r.yaml", "task: {name: denoise, sigma: 0.25, clip: false}\n" + kDigits + kNet));
  recipe::Setting resolved;
  const DataParts data = open_data(recipe, resolved);
  const auto noise = [&](int64_t epoch, int64_t index) {
    const data::Example e = data::apply_all(data.train_transforms, data.train->get(index), 1, epoch, index);
    EXPECT_EQ(e.size(), 2U);
    std::vector<float> difference = e[0].floats();
    const std::vector<float> clean = e[1].floats();
    for (size_t i = 0; i < clean.size(); ++i) difference[i] -= clean[i];
    return difference;
  };
  EXPECT_EQ(noise(0, 3), noise(0, 3));
  EXPECT_NE(noise(1, 3), noise(0, 3));
  double squares = 0;
  for (int64_t i = 0; i < 100; ++i) {
    for (const float v : noise(0, i)) squares += v * v;
  }
  EXPECT_NEAR(std::sqrt(squares / (100 * 64)), 0.25, 0.01);
}

TEST_F(Pictures, ReportAndPictureFileShowExamples) {
  const tasks::Run run = train("shown", "task: reconstruct\n" + kDigits + kNet + kShort);
  write_report(run);
  const Tensor shown = io::decode_image(run.path + "/pictures.png");
  EXPECT_EQ(shown.size(1), 4 + 3 * (80 + 4)) << "three rows of 8 pixels, enlarged ten times";
  EXPECT_TRUE(contains(io::read_file(run.path + "/report.html"), "input, output, truth"));
  recipe::Setting resolved;
  evaluate(run, open_data(run.recipe, resolved).test, path("grid.png"));
  EXPECT_EQ(io::decode_image(path("grid.png")).shape(), shown.shape());
}

TEST_F(Pictures, PredictionTakesPicturesOfAnySize) {
  const tasks::Run run = train("any", "task: denoise\n" + kDigits + kNet + kShort);
  EXPECT_TRUE(makes_pictures(run));
  for (const Shape& size : {Shape{8, 8}, Shape{13, 7}, Shape{40, 31}, Shape{1, 1}}) {
    const std::string file = write("p.png", io::encode_png(picture(1, size[0], size[1])));
    EXPECT_EQ(predict_one(run, file).picture.shape(), (Shape{1, size[0], size[1]}));
  }
  // A picture that the network takes as it is, and the same with one more row: only what is near the edge differs.
  const Tensor whole = predict_one(run, write("a.png", io::encode_png(picture(1, 24, 24)))).picture;
  const Tensor odd = predict_one(run, write("b.png", io::encode_png(picture(1, 25, 24)))).picture;
  EXPECT_EQ(std::vector<uint8_t>(whole.data<uint8_t>(), whole.data<uint8_t>() + 20 * 24),
            std::vector<uint8_t>(odd.data<uint8_t>(), odd.data<uint8_t>() + 20 * 24));
}

TEST_F(Pictures, ANetworkForOneSizeGetsPicturesResized) {
  const tasks::Run run =
      train("fixed", "task: reconstruct\n" + kDigits +
                         "model:\n  layers: [flatten, {linear: 64}, {reshape: {shape: [1, 8, 8]}}]\n" + kShort);
  const std::string file = write("p.png", io::encode_png(picture(1, 20, 30)));
  EXPECT_EQ(predict_one(run, file).picture.shape(), (Shape{1, 8, 8}));
}

TEST_F(Pictures, MistakesNameTheirPlace) {
  const struct {
    std::string yaml;
    std::vector<const char*> words;
  } cases[] = {
      {"task: denoyse\n" + kDigits + kNet, {"wrong.yaml:1:7", "did you mean \"denoise\"?"}},
      {"task: {name: denoise, sgma: 1}\n" + kDigits + kNet, {"wrong.yaml:1:29", "did you mean \"sigma\"?"}},
      {"task: {name: denoise, sigma: -1}\n" + kDigits + kNet, {"wrong.yaml:1:30", "sigma must be above 0"}},
      {"task: denoise\n" + kDigits + kNet + "transforms: [scale, normalize]\n",
       {"wrong.yaml:1:7", "pixels from 0 to 1", "normalize"}},
      {"task: denoise\ndata: {format: builtin, name: iris}\n" + kNet, {"wrong.yaml:1:7", "expected a picture"}},
      {"task: denoise\n" + kDigits + kNet + "metrics: [accuracy]\n",
       {"wrong.yaml:11:11", "no metric \"accuracy\"", "input_psnr"}},
      {"task: denoise\n" + kDigits + "model: {layers: [{conv2d: {out: 1, kernel: 3}}]}\n", {"[1, 6, 6]", "[1, 8, 8]"}},
      {"task: regress\n" + kDigits + kNet, {"wrong.yaml:1:7", "regress", "values", "classes"}},
      {"task: classify\ndata: {format: builtin, name: diabetes}\nmodel: mlp\n", {"classify", "classes", "values"}},
  };
  for (const auto& c : cases) {
    const std::string message = message_of(c.yaml);
    for (const char* word : c.words)
      EXPECT_TRUE(contains(message, word)) << c.yaml << "→ " << message << "\nlacks " << word;
  }
}

TEST(Grid, PlacesPicturesWithGaps) {
  const auto of = [](uint8_t value, const Shape& shape) {
    return Tensor::from_bytes(std::vector<uint8_t>(static_cast<size_t>(shape.numel()), value).data(), shape, DType::u8);
  };
  const Tensor g = report::grid({{of(1, {1, 2, 3}), of(2, {3, 2, 2})}, {of(3, {1, 1, 1})}}, {.enlarge = 2, .gap = 1});
  ASSERT_EQ(g.shape(), (Shape{3, 1 + 4 + 1 + 2 + 1, 1 + 6 + 1 + 4 + 1}));
  const auto at = [&](int64_t y, int64_t x) { return int{g.data<uint8_t>()[y * g.size(2) + x]}; };
  EXPECT_EQ(at(0, 0), 255);
  EXPECT_EQ(at(1, 1), 1);
  EXPECT_EQ(at(4, 6), 1);
  EXPECT_EQ(at(4, 7), 255);
  EXPECT_EQ(at(1, 8), 2);
  EXPECT_EQ(at(6, 2), 3);
  EXPECT_EQ(at(6, 3), 255);
}

}  // namespace
}  // namespace lamina::tasks
