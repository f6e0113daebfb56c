#include "lamina/learners/prepare.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lamina/learners/statistics_internal.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace lamina::learners {
namespace {

using testing::error_of;

Table parsed(std::string_view text) { return typed(io::parse_csv(text, "t.csv")); }

Prepare fitted(const PrepareOptions& options, const Table& t, bool scaled = true) {
  Prepare p(options, scaled);
  std::vector<std::string> names;
  for (const Column& c : t.columns) names.push_back(c.name);
  p.fit(t, names);
  return p;
}

std::vector<double> column(const Tensor& x, int64_t c) {
  std::vector<double> v;
  for (int64_t r = 0; r < x.size(0); ++r) v.push_back(x.at({r, c}));
  return v;
}

using Values = std::vector<double>;
using Names = std::vector<std::string>;

TEST(Prepare, FillsMissingNumbers) {
  const Table t = parsed("a,b\n1,0\n2,1\nNA,2\n9,3\n");
  EXPECT_EQ(column(fitted({.scale = "none"}, t).apply(t), 0), (Values{1, 2, 2, 9}));
  EXPECT_EQ(column(fitted({.missing = "mean", .scale = "none"}, t).apply(t), 0), (Values{1, 2, 4, 9}));
  EXPECT_EQ(column(fitted({.missing = "constant", .constant = -1, .scale = "none"}, t).apply(t), 0),
            (Values{1, 2, -1, 9}));
  const Prepare flagged = fitted({.indicators = true, .scale = "none"}, t);
  EXPECT_EQ(flagged.features(), (Names{"a", "a missing", "b"}));
  EXPECT_EQ(column(flagged.apply(t), 1), (Values{0, 0, 1, 0}));
  EXPECT_CONTAINS(flagged.notes().at(0), "1 missing cells filled in (median)");
  EXPECT_CONTAINS(error_of([&] { fitted({.missing = "error"}, t).apply(t); }), "t.csv:4: column \"a\" is empty");
}

TEST(Prepare, Words) {
  const Table t = parsed("c,two\nred,x\nblue,y\nred,x\ngreen,x\n,y\nblue,x\nred,y\n");
  const Prepare p = fitted({.scale = "none"}, t);
  EXPECT_EQ(p.features(), (Names{"c=blue", "c=green", "c=red", "two=y"}));
  EXPECT_EQ(column(p.apply(t), 2), (Values{1, 0, 1, 0, 1, 0, 1}));  // the empty cell: the most frequent word
  EXPECT_EQ(column(p.apply(t), 3), (Values{0, 1, 0, 0, 1, 0, 1}));
  const Prepare rare = fitted({.rare = 2, .scale = "none"}, t);
  EXPECT_EQ(rare.features(), (Names{"c=blue", "c=red", "c=(rare)", "two=y"}));
  // A word that the training rows do not have is as rare as any.
  const Tensor other = rare.apply(parsed("c,two\npink,x\nred,y\n"));
  EXPECT_EQ(column(other, 2), (Values{1, 0}));
  EXPECT_EQ(column(fitted({.categories = "ordinal", .scale = "none"}, t).apply(t), 0), (Values{2, 0, 2, 1, 2, 0, 2}));
}

TEST(Prepare, Scales) {
  const Table t = parsed("a\n1\n2\n3\n6\n");
  const double deviation = std::sqrt(3.5);
  const Values standard = column(fitted({}, t).apply(t), 0);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(standard[i], (Values{-2, -1, 0, 3})[i] / deviation, 1e-12);
  EXPECT_EQ(column(fitted({.scale = "minmax"}, t).apply(t), 0), (Values{0, 0.2, 0.4, 1}));
  // Median 2.5, quartiles 1.75 and 3.75.
  EXPECT_EQ(column(fitted({.scale = "robust"}, t).apply(t), 0), (Values{-0.75, -0.25, 0.25, 1.75}));
  EXPECT_EQ(column(fitted({}, t, false).apply(t), 0), (Values{1, 2, 3, 6}));  // a learner that does not compare
  const Table two = parsed("a,b\n3,4\n0,0\n5,12\n");
  const Tensor rows = fitted({.scale = "none", .unit_rows = true}, two).apply(two);
  EXPECT_EQ(rows.values(), (Values{0.6, 0.8, 0, 0, 5 / 13.0, 12 / 13.0}));
}

TEST(Prepare, ClipsTransformsAndMultiplies) {
  const Table t = parsed("a,b\n0,1\n1,2\n2,3\n3,4\n100,5\n");
  EXPECT_EQ(column(fitted({.clip = 0.25, .scale = "none"}, t).apply(t), 0), (Values{1, 1, 2, 3, 3}));
  EXPECT_NEAR(fitted({.power = "log", .scale = "none"}, t).apply(t).at({4, 0}), std::log(101.0), 1e-12);
  const Prepare squares = fitted({.degree = 2, .scale = "none"}, t);
  EXPECT_EQ(squares.features(), (Names{"a", "b", "a²", "a·b", "b²"}));
  EXPECT_EQ(column(squares.apply(t), 3), (Values{0, 2, 6, 12, 500}));
  const Table negative = parsed("a\n-1\n2\n");
  EXPECT_CONTAINS(error_of([&] { fitted({.power = "log"}, negative); }), "needs numbers of at least 0");
}

TEST(Prepare, YeoJohnsonAsScikitLearn) {
  const auto& g = testing::golden("learners.json")["yeo_johnson"];
  const Tensor x = testing::unpack(g["x"], DType::f64);
  std::string text = "a\n";
  for (const double v : x.values()) text += std::to_string(v) + "\n";
  const Table t = parsed(text);
  const Tensor ours = fitted({.power = "yeo_johnson"}, t).apply(t);
  EXPECT_TRUE(testing::close(ours, testing::unpack(g["y"], DType::f64), 1e-5));
}

TEST(Prepare, FillsWithModeAndNeighboursAsScikitLearn) {
  const Table t = parsed("a,b\n3,0\n1,1\nNA,2\n3,3\n1,4\n");
  EXPECT_EQ(column(fitted({.missing = "mode", .scale = "none"}, t).apply(t), 0)[2], 1);  // the smaller of two
  const auto& g = testing::golden("learners.json")["prepare"];
  std::string text = "a,b,c\n";
  for (const auto& row : g["holes"]) {
    std::string line;
    for (const auto& v : row) line += (line.empty() ? "" : ",") + (v.is_null() ? std::string("NA") : v.dump());
    text += line + "\n";
  }
  const Table holes = parsed(text);
  const Prepare p = fitted({.missing = "knn", .neighbours = 4, .scale = "none"}, holes);
  EXPECT_TRUE(testing::close(p.apply(holes), testing::unpack(g["filled"], DType::f64), 1e-9));
  // Saved, the donors come back; a row that shares no cell with any takes the median.
  const Prepare again = Prepare::from_json(p.json(), "p");
  const Table other = parsed("a,b,c\n0.1,NA,60\n,,\n1,2,3\n");
  EXPECT_EQ(again.apply(other).values(), p.apply(other).values());
  EXPECT_EQ(p.apply(other).at({1, 0}), fitted({.scale = "none"}, holes).apply(other).at({1, 0}));
}

TEST(Prepare, BoxCoxAsScikitLearn) {
  const auto& g = testing::golden("learners.json")["prepare"];
  std::string text = "a\n";
  for (const double v : testing::unpack(g["positive"], DType::f64).values()) text += std::to_string(v) + "\n";
  const Table t = parsed(text);
  const Prepare p = fitted({.power = "box_cox"}, t);
  EXPECT_TRUE(testing::close(p.apply(t), testing::unpack(g["box_cox"], DType::f64), 1e-5));
  EXPECT_CONTAINS(error_of([&] { p.apply(parsed("a\n1\n0\n")); }),
                  "t.csv:3: column \"a\": box_cox needs numbers above 0");
}

TEST(Prepare, PartsOfDates) {
  const Table t = parsed("d\n2024-02-29 06:30\n1999-12-31\n1970-01-01 23:59\n");
  const Prepare p = fitted({.dates = "parts", .scale = "none"}, t);
  EXPECT_EQ(p.features(), (Names{"d", "d year", "d month", "d day", "d weekday", "d hour"}));
  const Tensor x = p.apply(t);
  EXPECT_EQ(column(x, 1), (Values{2024, 1999, 1970}));
  EXPECT_EQ(column(x, 2), (Values{2, 12, 1}));
  EXPECT_EQ(column(x, 3), (Values{29, 31, 1}));
  EXPECT_EQ(column(x, 4), (Values{3, 4, 3}));  // Thursday, Friday, Thursday
  EXPECT_EQ(column(x, 5), (Values{6, 0, 23}));
  // What is the same in all rows is left out.
  EXPECT_EQ(fitted({.dates = "parts"}, parsed("d\n2024-05-01\n2024-05-08\n")).features(), (Names{"d", "d day"}));
}

TEST(Prepare, ProductsOfAnyDegree) {
  const Table t = parsed("a,b\n2,3\n1,5\n");
  const Prepare p = fitted({.degree = 3, .scale = "none"}, t);
  EXPECT_EQ(p.features(), (Names{"a", "b", "a²", "a·b", "b²", "a³", "a²·b", "a·b²", "b³"}));
  EXPECT_EQ(column(p.apply(t), 6), (Values{12, 5}));
  std::string wide = "c0";
  for (int i = 1; i < 700; ++i) wide += ",c" + std::to_string(i);
  for (int r = 0; r < 3; ++r) {
    wide += "\n" + std::to_string(r);
    for (int i = 1; i < 700; ++i) wide += "," + std::to_string(r * i % 17);
  }
  EXPECT_CONTAINS(error_of([&] { fitted({.degree = 2}, parsed(wide + "\n")); }), "more than 200000");
}

TEST(Prepare, SelectsFeaturesByTheirFStatistic) {
  const auto& g = testing::golden("learners.json")["prepare"];
  const Tensor x = testing::unpack(g["x"], DType::f64), classes = testing::unpack(g["classes"]);
  std::vector<double> values = column(x, 2);
  for (size_t i = 0; i < values.size(); ++i) values[i] += 30.0 * static_cast<double>(classes.ints()[i]);
  const auto n = static_cast<int64_t>(values.size());
  const Tensor numbers = Tensor::from(std::span<const double>(values), {n}, DType::f64);
  const std::vector<double> f = f_statistics(x, classes, 2), r = f_statistics(x, numbers, 0);
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(f[c], testing::unpack(g["f_classes"], DType::f64).values()[c], 1e-9 * f[c]);
    EXPECT_NEAR(r[c], testing::unpack(g["f_values"], DType::f64).values()[c], 1e-9 * r[c]);
  }
  const Table t = parsed("noise,a,b\n3,0,1\n1,0,5\n3,9,2\n1,8,6\n");
  Prepare p({.scale = "none", .select = 1});
  p.fit(t, {"noise", "a", "b"}, Tensor::from(std::vector<int64_t>{0, 0, 1, 1}, {4}), 2);
  EXPECT_EQ(p.features(), (Names{"a"}));
  EXPECT_EQ(p.apply(t).values(), (Values{0, 0, 9, 8}));
  EXPECT_EQ(Prepare::from_json(p.json(), "p").apply(t).values(), (Values{0, 0, 9, 8}));
  EXPECT_CONTAINS(p.notes().back(), "1 of 3 features are kept");
  EXPECT_CONTAINS(error_of([&] { p.fit(t, {"noise", "a", "b"}); }), "needs a target");
}

TEST(Prepare, LeavesOutWhatTeachesNothingAndSaysSo) {
  std::string text = "same,id,a,void\n";
  for (int i = 0; i < 60; ++i) text += "7,n" + std::to_string(i) + "," + std::to_string(i) + ",\n";
  const Prepare p = fitted({}, parsed(text));
  EXPECT_EQ(p.features(), (Names{"a"}));
  ASSERT_EQ(p.notes().size(), 3u);
  EXPECT_CONTAINS(p.notes()[0], "\"same\" is left out: it is the same in all rows");
  EXPECT_CONTAINS(p.notes()[1], "60 different words in 60 rows");
  EXPECT_CONTAINS(p.notes()[2], "\"void\" is left out");
  EXPECT_CONTAINS(error_of([] { fitted({}, parsed("a\n1\n1\n")); }), "no column left");
}

TEST(Prepare, AppliesToOtherTablesAsFittedAndComesBackFromJson) {
  const Table t = parsed("a,c,d\n1,red,2024-01-01\n2,blue,2024-01-03\n6,red,2024-01-02\n");
  const Prepare p = fitted({.clip = 0.1, .degree = 2}, t);
  const Table other = parsed("d,c,a\n2024-02-01,blue,50\n");
  const Tensor x = p.apply(other);
  const Prepare again = Prepare::from_json(p.json(), "learner.json");
  EXPECT_EQ(again.apply(other).values(), x.values());
  EXPECT_EQ(again.features(), p.features());
  EXPECT_EQ(again.types().at("d"), ColumnType::date);
  EXPECT_CONTAINS(error_of([&] { p.apply(parsed("a,c\n1,red\n")); }), "has no column \"d\"");
  EXPECT_CONTAINS(error_of([&] { p.apply(parsed("a,c,d\nx,red,2024-01-01\n")); }), "expected numeric cells");
  EXPECT_CONTAINS(error_of([] { Prepare::from_json("{", "p.json"); }), "p.json: is damaged");
  EXPECT_CONTAINS(error_of([] { Prepare{{.missing = "meen"}}; }), "expected one of");
}

}  // namespace
}  // namespace lamina::learners
