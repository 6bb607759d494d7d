# Installs the build into an empty prefix, and builds and runs the programs beside this file with it.
set(prefix ${BUILD}/package/prefix)
set(outside ${BUILD}/package/outside)
file(REMOVE_RECURSE ${BUILD}/package)
list(JOIN FLAGS " " flags)

function(run_program name wanted)
  execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND ${outside}/${name} OUTPUT_VARIABLE said)
  if(NOT said STREQUAL "${wanted}\n")
    message(FATAL_ERROR "the outside program ${name} printed '${said}' in place of '${wanted}'")
  endif()
endfunction()

execute_process(COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET
  COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
execute_process(COMMAND_ERROR_IS_FATAL ANY
  COMMAND ${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${outside} -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${flags} -DCAF_CORE_LIBRARY=${CAF})
execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND ${CMAKE_COMMAND} --build ${outside})
run_program(counter "the counter says 42")
run_program(cluster "the counter there says 42")
if(EXISTS ${outside}/guest)
  run_program(guest "the actor says 42")
endif()
