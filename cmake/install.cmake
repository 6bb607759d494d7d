# cmake --install, and find_package(troupe COMPONENTS core net caf) for whoever uses the result.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/troupe)

set(parts core net)
if(TROUPE_CAF)
  list(APPEND parts caf)
  install(FILES net/caf/FindCAF.cmake DESTINATION ${package_dir})
endif()
set(folder_core core)
set(folder_net net)
set(folder_caf net/caf)
foreach(part IN LISTS parts)
  install(TARGETS troupe_${part} EXPORT troupe-${part}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(DIRECTORY ${folder_${part}}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT troupe-${part} NAMESPACE troupe:: FILE troupe-${part}.cmake
    DESTINATION ${package_dir})
endforeach()

install(PROGRAMS cmake/certificates.sh TYPE BIN RENAME troupe-certificates)

configure_package_config_file(cmake/troupeConfig.cmake.in troupeConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 every minor version may change the interface.
write_basic_package_version_file(troupeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/troupeConfig.cmake ${PROJECT_BINARY_DIR}/troupeConfigVersion.cmake
  DESTINATION ${package_dir})
