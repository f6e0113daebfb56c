# find_package(Lamina), pkg-config, headers, recipes.
include(CMakePackageConfigHelpers)

install(TARGETS lamina EXPORT LaminaTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET lamina_cli)
  install(TARGETS lamina_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY lamina/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lamina
        FILES_MATCHING PATTERN "*.h" PATTERN "*.def"
        PATTERN "*_internal.h" EXCLUDE PATTERN "backends" EXCLUDE)
if(EXISTS ${PROJECT_SOURCE_DIR}/recipes)
  install(DIRECTORY recipes/ DESTINATION ${CMAKE_INSTALL_DATADIR}/lamina/recipes FILES_MATCHING PATTERN "*.yaml")
endif()

install(EXPORT LaminaTargets NAMESPACE Lamina:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Lamina)
configure_package_config_file(cmake/LaminaConfig.cmake.in ${PROJECT_BINARY_DIR}/LaminaConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Lamina)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/LaminaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/LaminaConfig.cmake ${PROJECT_BINARY_DIR}/LaminaConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Lamina)
file(RELATIVE_PATH LAMINA_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/lamina.pc.in ${PROJECT_BINARY_DIR}/lamina.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lamina.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
