#include "lamina/learners/table.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace lamina::learners {
namespace {

using testing::error_of;

Table parsed(std::string_view text, const std::map<std::string, ColumnType>& types = {}) {
  return typed(io::parse_csv(text, "t.csv"), types);
}

TEST(Table, GuessesTypesAndCountsMissingCells) {
  const Table t = parsed(
      "n,word,day,mixed\n"
      "1,red,2024-05-31,1\n"
      "2.5,,2024-06-01 12:00,NA\n"
      "?,blue,,1e3\n");
  ASSERT_EQ(t.columns.size(), 4u);
  EXPECT_EQ(t.columns[0].type, ColumnType::numeric);
  EXPECT_EQ(t.columns[1].type, ColumnType::categorical);
  EXPECT_EQ(t.columns[2].type, ColumnType::date);
  EXPECT_EQ(t.columns[3].type, ColumnType::numeric);
  for (const Column& c : t.columns) EXPECT_EQ(c.count_missing(), 1) << c.name;
  EXPECT_EQ(t.columns[1].words, (std::vector<std::string>{"blue", "red"}));
  EXPECT_EQ(t.columns[1].codes, (std::vector<int64_t>{1, -1, 0}));
  EXPECT_EQ(t.columns[2].numbers[0], 19874);  // days since 1970: date -d 2024-05-31 +%s over 86400
  EXPECT_EQ(t.columns[2].numbers[1], 19875.5);
  EXPECT_EQ(t.columns[3].numbers[2], 1000);
  EXPECT_EQ(t.places[2], "t.csv:4");
}

TEST(Table, TypesCanBeSet) {
  const Table t = parsed("zip,y\n10,1\n9,2\n100,3\n", {{"zip", ColumnType::categorical}});
  EXPECT_EQ(t.columns[0].words, (std::vector<std::string>{"9", "10", "100"}));  // numbers by size
  EXPECT_CONTAINS(error_of([] { parsed("a\nx\ny\n", {{"a", ColumnType::numeric}}); }), "t.csv:2");
  EXPECT_CONTAINS(error_of([] { parsed("a\n2024-13-01\n", {{"a", ColumnType::date}}); }), "a date such as 2024-05-31");
  EXPECT_CONTAINS(error_of([] { parsed("a,b\n1,2\n", {{"bb", ColumnType::numeric}}); }), "did you mean \"b\"");
}

TEST(Table, AFewWordsAmongNumbersAreMistakes) {
  std::string text = "a,b\n";
  for (int i = 0; i < 30; ++i) text += std::to_string(i) + (i == 17 ? ",oops\n" : ",1\n");
  const std::string error = error_of([&] { parsed(text); });
  for (const char* part : {"t.csv:19", "\"b\"", "\"oops\"", "29 of 30 cells", "--type b=categorical"}) {
    EXPECT_CONTAINS(error, part);
  }
}

TEST(Table, NamesThatComeAgainAreNumbered) {
  const Table t = parsed("x,x,,x\n1,2,3,4\n");
  EXPECT_EQ(t.columns[1].name, "x.2");
  EXPECT_EQ(t.columns[2].name, "column_3");
  EXPECT_EQ(t.columns[3].name, "x.3");
  ASSERT_EQ(t.notes.size(), 2u);
  EXPECT_CONTAINS(t.notes[0], "column 2 is called \"x.2\"");
}

TEST(Table, TakesRowsAndFindsColumns) {
  const Table t = parsed("a,w\n1,x\n2,y\n3,x\n");
  const Table part = t.take(std::vector<int64_t>{2, 0, 2});
  EXPECT_EQ(part.columns[0].numbers, (std::vector<double>{3, 1, 3}));
  EXPECT_EQ(part.columns[1].codes, (std::vector<int64_t>{0, 0, 0}));
  EXPECT_EQ(part.places, (std::vector<std::string>{"t.csv:4", "t.csv:2", "t.csv:4"}));
  EXPECT_EQ(t.column("w"), 1);
  EXPECT_CONTAINS(error_of([&] { t.column("v"); }), "there are: a, w");
}

TEST(Table, ReadsFilesAndBuiltInTables) {
  EXPECT_EQ(read_table("iris").rows(), 150);
  const testing::TempFolder folder;
  EXPECT_EQ(read_table(folder.write("a.csv", "\xEF\xBB\xBFq;\"r;s\"\r\n1;\"a \"\"b\"\"\"\r\n2;c\r\n")).columns[1].words,
            (std::vector<std::string>{"a \"b\"", "c"}));
  EXPECT_CONTAINS(error_of([&] { read_table(folder / "none.csv"); }), "a built-in table: ");
  EXPECT_CONTAINS(error_of([&] { read_table(folder.write("empty.csv", "")); }), "is empty");
  EXPECT_CONTAINS(error_of([&] { read_table(folder.write("head.csv", "a,b\n")); }), "has a header but no rows");
  EXPECT_CONTAINS(error_of([&] { read_table(folder.write("long.csv", "a,b\n1,2\n1,2,3\n")); }), "long.csv:3");
}

}  // namespace
}  // namespace lamina::learners
