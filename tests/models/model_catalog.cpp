#include "model_catalog.h"

namespace lamina::models {

std::ostream& operator<<(std::ostream& out, const ModelRecord& record) { return out << record.name; }

const std::vector<ModelRecord>& model_catalog() {
  const Shape photo{3, 224, 224}, small_photo{3, 32, 32};
  const std::string vgg = "filters: 8, hidden: 32, pool: 1, dropout: 0";
  const std::string resnet = "filters: 4";
  static const std::vector<ModelRecord> records{
      {"softmax_regression", {1, 28, 28}, 10, 7850, "", {1, 6, 6}},
      {"linear", {10}, 1, 11, "", {1, 6, 6}},
      {"mlp", {1, 28, 28}, 10, 238510, "hidden: [20]", {1, 6, 6}},
      {"lenet5", {1, 28, 28}, 10, 61706, "", {1, 12, 12}},
      {"lenet5_published", {1, 28, 28}, 10, 60000, "", {1, 12, 12}},
      {"small_cnn", {1, 8, 8}, 10, 21386, "filters: [6, 8]", {1, 8, 8}},
      {"all_cnn", small_photo, 10, 1369738, "filters: 6", {3, 16, 16}},
      {"alexnet", photo, 1000, 61100840, "filters: 4, hidden: 32, dropout: 0", {3, 64, 64}},
      {"alexnet_published", {3, 227, 227}, 1000, 60965224, "filters: 12, hidden: 32, dropout: 0", {3, 67, 67}},
      {"zfnet", photo, 1000, 62357608, "filters: 12, hidden: 32, dropout: 0, init: kaiming_normal", {3, 53, 53}},
      {"googlenet", photo, 1000, 6624904, "filters: 8, dropout: 0", small_photo},
      {"googlenet_published", photo, 1000, 13378280, "filters: 8, dropout: 0, auxiliary_dropout: 0", {3, 79, 79}},
      {"vgg11", photo, 1000, 132863336, vgg, small_photo},
      {"vgg13", photo, 1000, 133047848, vgg, small_photo, false, true},
      {"vgg16", photo, 1000, 138357544, vgg, small_photo, false, true},
      {"vgg19", photo, 1000, 143667240, vgg, small_photo, false, true},
      {"vgg11_bn", photo, 1000, 132868840, vgg, small_photo},
      {"vgg13_bn", photo, 1000, 133053736, vgg, small_photo, false, true},
      {"vgg16_bn", photo, 1000, 138365992, vgg, small_photo, false, true},
      {"vgg19_bn", photo, 1000, 143678248, vgg, small_photo, false, true},
      {"resnet18", photo, 1000, 11689512, resnet, small_photo},
      {"resnet34", photo, 1000, 21797672, resnet, small_photo, false, true},
      {"resnet50", photo, 1000, 25557032, resnet, small_photo},
      {"resnet101", photo, 1000, 44549160, resnet, small_photo, false, true},
      {"resnet152", photo, 1000, 60192808, resnet, small_photo, false, true},
      {"resnet_cifar", small_photo, 10, 269722, "depth: 8, filters: 4", {3, 8, 8}, false, true},
      {"resnet20", small_photo, 10, 269722, resnet, {3, 8, 8}},
      {"resnet32", small_photo, 10, 464154, resnet, {3, 8, 8}, false, true},
      {"resnet44", small_photo, 10, 658586, resnet, {3, 8, 8}, false, true},
      {"resnet56", small_photo, 10, 853018, resnet, {3, 8, 8}, false, true},
      {"resnet110", small_photo, 10, 1727962, resnet, {3, 8, 8}, false, true},
      {"cae", {1, 28, 28}, 1, 37569, "filters: [6, 8]", {1, 9, 10}, true},
      {"unet", {1, 572, 572}, 2, 31030658, "filters: 4, depth: 2", {1, 12, 13}, true},
      {"super_resolution", {3, 32, 32}, 3, 26796, "filters: [8, 6]", {3, 6, 5}, true},
  };
  return records;
}

}  // namespace lamina::models
