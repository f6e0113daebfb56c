# One object library per folder of lamina/, all of them together liblamina.so, and the CLI on top.
# `cmake --build … --target lamina_<component>` compiles one component alone.
set(LAMINA_COMPONENTS
    core tensor engine ops graph backends/ref backends/cpu runtime nn optim metrics io data models train recipe report inspect
    tasks learners tune explain)

set(LAMINA_LIBRARIES OpenMP::OpenMP_CXX Threads::Threads DNNL::dnnl PkgConfig::HWY ZLIB::ZLIB JPEG::JPEG PNG::PNG
                     CURL::libcurl OpenSSL::Crypto nlohmann_json::nlohmann_json ${LAMINA_YAML})

add_library(lamina SHARED)
add_library(Lamina::lamina ALIAS lamina)
target_include_directories(lamina PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
target_compile_features(lamina PUBLIC cxx_std_20)
target_link_libraries(lamina PRIVATE ${LAMINA_LIBRARIES})
set_target_properties(lamina PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                                        LINK_FLAGS "-Wl,--no-undefined")

foreach(component ${LAMINA_COMPONENTS})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS lamina/${component}/*.cpp)
  if(NOT sources)
    continue()
  endif()
  string(REPLACE "/" "_" name lamina_${component})
  add_library(${name} OBJECT ${sources})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${LAMINA_LIBRARIES})
  target_compile_definitions(${name} PRIVATE LAMINA_VERSION="${PROJECT_VERSION}")
  if(TARGET lamina_core AND NOT name STREQUAL lamina_core)
    target_precompile_headers(${name} REUSE_FROM lamina_core)
  else()
    target_precompile_headers(${name} PRIVATE <algorithm> <cstdint> <functional> <memory> <optional> <span> <stdexcept>
                              <string> <unordered_map> <vector>)
  endif()
  target_sources(lamina PRIVATE $<TARGET_OBJECTS:${name}>)
endforeach()

foreach(component learners inspect)  # headers alone, for factorisations
  target_link_libraries(lamina_${component} PRIVATE Eigen3::Eigen)
endforeach()

# The built-in tables are embedded by the assembler, whose reading of them the compiler does not report.
file(GLOB embedded CONFIGURE_DEPENDS lamina/data/builtin/*.gz)
set_source_files_properties(lamina/data/builtin.cpp PROPERTIES OBJECT_DEPENDS "${embedded}")

file(GLOB cli_sources CONFIGURE_DEPENDS cli/*.cpp)
if(cli_sources)
  add_executable(lamina_cli ${cli_sources})
  set_target_properties(lamina_cli PROPERTIES OUTPUT_NAME lamina INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  target_link_libraries(lamina_cli PRIVATE lamina CLI11::CLI11 nlohmann_json::nlohmann_json)
  target_precompile_headers(lamina_cli PRIVATE <CLI/CLI.hpp> <nlohmann/json.hpp>)
  target_compile_definitions(lamina_cli PRIVATE LAMINA_VERSION="${PROJECT_VERSION}")
endif()
