// Colourisation, super-resolution and latent clustering, each on a small set.
#include <algorithm>

#include "lamina/data/cielab.h"
#include "lamina/report/grid.h"
#include "lamina/tasks/evaluate.h"
#include "lamina/tasks/kind.h"
#include "lamina/tasks/report.h"
#include "tests/tasks/toy_runs.h"

namespace lamina::tasks {
namespace {

class Applications : public ToyRuns {
 protected:
  DataParts open(const std::string& yaml) const {
    recipe::Setting resolved;
    return open_data(load_recipe(write("open.yaml", yaml)), resolved);
  }
  std::string folder_data(int64_t height = 25, int64_t width = 31) const {
    return "data: {format: folder, root: " + write_pictures("pictures" + std::to_string(height), 20, height, width) +
           "}\n";
  }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string kShort = "trainer: {epochs: 8, batch: 4}\noptimizer: {name: adam, lr: 1e-2}\n";

TEST_F(Applications, ColourisationLearnsTheColoursOfTheSet) {
  const std::string yaml = "task: colorize\n" + folder_data() +
                           "model:\n  layers:\n    - conv2d: {out: 16, kernel: 3, padding: 1}\n    - relu\n"
                           "    - conv2d: {out: 2, kernel: 3, padding: 1}\n" +
                           kShort;
  const tasks::Run run = train("colour", yaml);
  const DataParts data = open(yaml);
  EXPECT_EQ(data.facts.input, (Shape{1, 25, 31}));
  EXPECT_EQ(data.facts.target, (Shape{2, 25, 31}));
  const auto values = evaluate(run, data.test).values;
  EXPECT_LT(values.at("ab_mse"), values.at("grey_ab_mse"));
  // The baseline is the mean of a² and b², in units of L*a*b*.
  double squares = 0;
  for (int64_t i = 0; i < data.test->size(); ++i) {
    const Tensor rgb = Tensor::from(
        data::apply_all(eval_transforms(run.recipe, run.facts), data.test->get(i), 0, 0, i)[0].floats(), {3, 25, 31});
    const std::vector<float> lab = data::image::lab_from_rgb(rgb).floats();
    for (size_t k = lab.size() / 3; k < lab.size(); ++k) squares += lab[k] * lab[k];
  }
  EXPECT_NEAR(values.at("grey_ab_mse"), squares / static_cast<double>(data.test->size() * 2 * 25 * 31), 0.01);
  // A grey file of another size becomes a colour picture of the same lightness.
  const Tensor grey = picture(3, 14, 18, 1);
  const Tensor made = predict(run, {write("grey.png", io::encode_png(grey))}).front().picture;
  EXPECT_EQ(made.shape(), (Shape{3, 14, 18}));
  write_report(run);
  EXPECT_EQ(io::decode_image(run.path + "/pictures.png").size(0), 3);
}

TEST_F(Applications, SuperResolutionCutsOddSizesAndEnlargesFiles) {
  for (const int64_t scale : {int64_t{2}, int64_t{3}}) {
    {
      const std::string n = std::to_string(scale);
      const std::string yaml = "task: {name: super_resolution, scale: " + n + ", patches: 2}\n" + folder_data() +
                               "model:\n  layers: [{conv_transpose2d: {out: 3, kernel: " + n + ", stride: " + n +
                               "}}]\ntrainer: {epochs: 1, batch: 8}\n";
      const DataParts data = open(yaml);
      EXPECT_EQ(data.train->size(), 2 * 16);
      EXPECT_EQ(data.facts.input, (Shape{3, 25 / scale, 31 / scale}));
      EXPECT_EQ(data.facts.target, (Shape{3, 25 / scale * scale, 31 / scale * scale}));
      const tasks::Run run = train("larger-" + n, yaml);
      const auto values = evaluate(run, data.test).values;
      EXPECT_NEAR(values.at("psnr_gain"), values.at("psnr") - values.at("bicubic_psnr"), 1e-9);
      const std::string file = write("p.png", io::encode_png(picture(1, 9, 7)));
      EXPECT_EQ(predict(run, {file}).front().picture.shape(), (Shape{3, 9 * scale, 7 * scale}));
    }
  }
}

TEST_F(Applications, MistakesNameTheirPlace) {
  const std::string digits = "data: {format: builtin, name: digits}\n",
                    net = "model:\n  layers: [{conv2d: {out: 1, kernel: 1}}]\n";
  const std::string enlarging = "model:\n  layers: [{conv_transpose2d: {out: 3, kernel: 2, stride: 2}}]\n";
  const struct {
    std::string yaml;
    std::vector<const char*> words;
  } cases[] = {
      {"task: colorize\n" + digits + net, {"wrong.yaml:1:7", "3 channels", "colour"}},
      {"task: {name: colorize, patches: 0}\n" + folder_data() + net, {"wrong.yaml:1:33", "patches"}},
      {"task: {name: super_resolution, scale: 4}\n" + digits + enlarging, {"wrong.yaml:1:39", "2 or 3", "4"}},
      {"task: {name: super_resolution, scale: 3}\n" + folder_data() + enlarging, {"[3, 16, 20]", "[3, 24, 30]"}},
      {"task: {name: super_resolution, scale: 3}\n" + folder_data(2, 2) + enlarging, {"smaller than 3×3"}},
  };
  for (const auto& c : cases) {
    const std::string message = message_of(c.yaml);
    for (const char* word : c.words)
      EXPECT_TRUE(contains(message, word)) << c.yaml << "→ " << message << "\nlacks " << word;
  }
}

}  // namespace
}  // namespace lamina::tasks
