# Installs the build into an empty prefix, and builds and runs the program beside this file with it.
set(prefix ${BUILD}/package/prefix)
set(outside ${BUILD}/package/outside)
file(REMOVE_RECURSE ${BUILD}/package)
list(JOIN FLAGS " " flags)

execute_process(COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET
  COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
execute_process(COMMAND_ERROR_IS_FATAL ANY
  COMMAND ${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${outside} -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${flags})
execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND ${CMAKE_COMMAND} --build ${outside})
execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND ${outside}/outside OUTPUT_VARIABLE said)
if(NOT said STREQUAL "the counter says 42\n")
  message(FATAL_ERROR "the outside program printed '${said}' in place of 'the counter says 42'")
endif()
