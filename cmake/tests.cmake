# One GoogleTest program per folder of tests/; scripts of tests/e2e run the CLI; examples run as they are.
lamina_need(GTest libgtest-dev)

file(GLOB_RECURSE support CONFIGURE_DEPENDS tests/support/*.cpp)
if(support)
  add_library(test_support OBJECT ${support})
  target_link_libraries(test_support PRIVATE lamina GTest::gtest ${LAMINA_LIBRARIES})
  target_compile_definitions(test_support PRIVATE LAMINA_SOURCE_DIR=".")
  set(support $<TARGET_OBJECTS:test_support>)
endif()
file(GLOB folders CONFIGURE_DEPENDS LIST_DIRECTORIES true tests/*)
list(PREPEND folders ${PROJECT_SOURCE_DIR}/tests/core)  # first: the others share its precompiled headers
list(REMOVE_DUPLICATES folders)
add_custom_target(unit_tests)
foreach(folder ${folders})
  get_filename_component(name ${folder} NAME)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  if(NOT sources OR name MATCHES "^(support|install)$")
    continue()
  endif()
  add_executable(test_${name} ${sources} ${support})
  target_link_libraries(test_${name} PRIVATE lamina GTest::gtest GTest::gtest_main ${LAMINA_LIBRARIES})
  # Relative, so that compiler caches serve any clone: tests run at the top of the tree.
  target_compile_definitions(test_${name} PRIVATE LAMINA_SOURCE_DIR=".")
  if(TARGET test_core AND NOT name STREQUAL "core")
    target_precompile_headers(test_${name} REUSE_FROM test_core)
  else()
    target_precompile_headers(test_${name} PRIVATE <gtest/gtest.h> <algorithm> <functional> <memory> <span> <string>
                              <vector>)
  endif()
  add_test(NAME ${name} COMMAND test_${name} --gtest_brief=1 WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 900)
  add_dependencies(unit_tests test_${name})
endforeach()

# An installed Lamina, used from CMake and from pkg-config.
file(GLOB install_test tests/install/run)
if(install_test)
  add_test(NAME install COMMAND ${PROJECT_SOURCE_DIR}/tests/support/in_temp_folder ${install_test} ${PROJECT_BINARY_DIR}
                                ${CMAKE_COMMAND} ${CMAKE_CXX_COMPILER})
  set_tests_properties(install PROPERTIES LABELS install TIMEOUT 900)
endif()

file(GLOB scripts CONFIGURE_DEPENDS tests/e2e/*.sh)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME e2e_${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/support/in_temp_folder ${script})
  set_tests_properties(e2e_${name} PROPERTIES LABELS e2e TIMEOUT 900
                       ENVIRONMENT "LAMINA_BIN=$<TARGET_FILE:lamina_cli>;LAMINA_ROOT=${PROJECT_SOURCE_DIR}")
endforeach()

file(GLOB examples CONFIGURE_DEPENDS examples/*.cpp)
foreach(example ${examples})
  get_filename_component(name ${example} NAME_WE)
  add_executable(example_${name} ${example})
  target_link_libraries(example_${name} PRIVATE lamina)
  add_test(NAME example_${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/support/in_temp_folder $<TARGET_FILE:example_${name}>)
  set_tests_properties(example_${name} PROPERTIES LABELS example TIMEOUT 900 SKIP_REGULAR_EXPRESSION "lamina data get")  # no data here
endforeach()

file(GLOB bench CONFIGURE_DEPENDS bench/*.cpp)
if(bench)
  add_executable(lamina-bench ${bench})
  target_link_libraries(lamina-bench PRIVATE lamina CLI11::CLI11 nlohmann_json::nlohmann_json)
endif()
