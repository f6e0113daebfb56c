#include "lamina/io/csv.h"

#include "tests/support/files.h"

namespace lamina::io {
namespace {

using testing::error_of;

TEST(Csv, ReadsQuotesLineEndsAndAByteOrderMark) {
  const CsvTable t =
      parse_csv("\xEF\xBB\xBFname,\"says, it\",n\r\n\"a\r\nb\",\"a \"\"word\"\"\",1.5\r\n\r\n,x,-2e3", "t.csv");
  EXPECT_EQ(t.columns(), (std::vector<std::string>{"name", "says, it", "n"}));
  ASSERT_EQ(t.rows(), 2);
  EXPECT_EQ(t.cell(0, 0), "a\r\nb");
  EXPECT_EQ(t.cell(0, 1), "a \"word\"");
  EXPECT_EQ(t.number(0, 2), 1.5);
  EXPECT_EQ(t.number(1, 2), -2000);
  EXPECT_TRUE(t.missing(1, 0));
  EXPECT_EQ(t.place(0), "t.csv:2");
  EXPECT_EQ(t.place(1), "t.csv:5");
  EXPECT_TRUE(t.numeric(2));
  EXPECT_FALSE(t.numeric(1));
}

TEST(Csv, GuessesSeparatorAndHeader) {
  EXPECT_EQ(parse_csv("a;b\n1,5;2\n", "t").columns().size(), 2U);
  EXPECT_EQ(parse_csv("a\tb\tc\n1\t2\t3\n", "t").columns().size(), 3U);
  EXPECT_EQ(parse_csv("\"a;b\",c\n1,2\n", "t").columns()[0], "a;b");
  EXPECT_EQ(parse_csv("1,2\n3,4\n", "t").rows(), 2);
  EXPECT_EQ(parse_csv("1,2\n3,4\n", "t").columns()[1], "column_2");
  EXPECT_EQ(parse_csv("1,2\n3,4\n", "t", {.header = CsvHeader::yes}).columns()[1], "2");
  EXPECT_EQ(parse_csv("a,b\nc,d\n", "t", {.header = CsvHeader::no}).rows(), 2);
}

TEST(Csv, SpacesSeparateNumbers) {
  const CsvTable t = parse_csv(" 1.5e0  2 -3 \r\n4 5   6\n", "t");
  ASSERT_EQ(t.columns().size(), 3U);
  ASSERT_EQ(t.rows(), 2);
  EXPECT_EQ(t.number(0, 2), -3);
  EXPECT_EQ(t.number(1, 2), 6);
  EXPECT_EQ(parse_csv("a b\n1 2\n", "t", {.separator = ' '}).columns()[1], "b");
  EXPECT_EQ(parse_csv("first name\nx\n", "t").columns()[0], "first name");
}

TEST(Csv, BlanksAroundCellsAndOldLineEnds) {
  const CsvTable t = parse_csv("a, b ,c\r39, \"x, y\" , Bachelors \r\" \",2,\r", "t");
  ASSERT_EQ(t.rows(), 2);
  EXPECT_EQ(t.columns()[1], "b");
  EXPECT_EQ(t.cell(0, 1), "x, y");
  EXPECT_EQ(t.cell(0, 2), "Bachelors");
  EXPECT_EQ(t.cell(1, 0), " ");
  EXPECT_TRUE(t.missing(1, 2));
  EXPECT_EQ(parse_csv("a\tb\tc\n1\t\t3\n", "t").cell(0, 1), "");  // tabs are no blanks where they separate
}

TEST(Csv, CountsAndNamesOfClassesInTheFirstLine) {
  const CsvTable t = parse_csv("3,2,no,yes\n1,2,0\n3,4,1\n5,6,1\n", "t.csv");
  EXPECT_EQ(t.rows(), 3);
  EXPECT_EQ(t.columns()[2], "column_3");
  EXPECT_EQ(t.class_names(), (std::vector<std::string>{"no", "yes"}));
  EXPECT_CONTAINS(error_of([] { parse_csv("3,2,no,yes\n1,2,0\n3,4,1\n", "t.csv"); }), "announces 3 rows, there are 2");
  EXPECT_CONTAINS(error_of([] { parse_csv("3,2,no,yes\n1,2,0,9\n", "t.csv"); }), "t.csv:1");
  EXPECT_EQ(parse_csv("3,2,no,yes\n1,2,0,9\n", "t", {.header = CsvHeader::yes}).columns()[0], "3");
}

TEST(Csv, MistakesNameLineAndColumn) {
  EXPECT_CONTAINS(error_of([] { parse_csv("a,b\n1,2\n3\n", "t.csv"); }), "t.csv:3: expected 2 cells");
  EXPECT_CONTAINS(error_of([] { parse_csv("a,b\n1,\"2\n3,4\n", "t.csv"); }), "t.csv:2: a quote is opened");
  EXPECT_CONTAINS(error_of([] { parse_csv("", "t.csv"); }), "t.csv: is empty");
  EXPECT_CONTAINS(error_of([] { parse_csv("a,b\n", "t.csv"); }), "no rows");
  EXPECT_CONTAINS(error_of([] { parse_csv(std::string("a,b\n1,\0\n", 8), "t.csv"); }), "t.csv:2: holds a zero byte");
  const CsvTable t = parse_csv("age,name,age\n1,x,2\nNaN,,3\n", "t.csv");
  EXPECT_CONTAINS(error_of([&] { t.number(0, 1); }), "t.csv:2: column \"name\": expected a number, got \"x\"");
  EXPECT_CONTAINS(error_of([&] { t.number(1, 0); }), "t.csv:3: column \"age\": expected a number, got \"NaN\"");
  EXPECT_CONTAINS(error_of([&] { t.number(1, 1); }), "an empty cell");
  EXPECT_CONTAINS(error_of([&] { t.column("nam"); }), "did you mean \"name\"?");
  EXPECT_CONTAINS(error_of([&] { t.column("age"); }), "two columns");
  for (const char* bad : {"inf", "1e999", "0x10", "1.5.2", "1 2"}) {
    EXPECT_THROW(parse_csv(std::string("a,b\nx,") + bad, "t").number(0, 1), Error) << bad;
  }
}

TEST(Csv, WhatIsCutOffIsAnErrorOrTheRowsBeforeIt) {
  for (const std::string text : {"\xEF\xBB\xBF\"a\",b\r\n\"x\"\"y\",1\r\n2,\"3\"\r\n44,55\r\n",
                                 "3,2,no,yes\n1,2,0\n3,4,1\n5,6,1\n", "1 2\n3 4\n5 6\n"}) {
    const CsvTable whole = parse_csv(text, "t");
    int readable = 0;
    for (size_t size = 0; size < text.size(); ++size) {
      try {
        const CsvTable part = parse_csv(std::string(text, 0, size), "t");
        ++readable;
        // The last row may be cut within its last cell; all before it are those of the whole file.
        for (int64_t r = 0; r + 1 < part.rows(); ++r) {
          ASSERT_EQ(part.columns(), whole.columns()) << size;
          for (size_t c = 0; c < part.columns().size(); ++c) {
            EXPECT_EQ(part.cell(r, static_cast<int64_t>(c)), whole.cell(r, static_cast<int64_t>(c))) << size;
          }
        }
      } catch (const Error&) {
      }
    }
    EXPECT_LT(readable, static_cast<int>(text.size())) << text;
  }
}

}  // namespace
}  // namespace lamina::io
