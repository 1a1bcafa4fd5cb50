# Target NodeApi: Node-API 9 through node-addon-api, C++ exceptions disabled. The headers come from the packages
# node-addon-api and node-api-headers, as Node.js resolves them from the project root.
function(node_package_include_dir package result)
  execute_process(
    COMMAND node -p "path.resolve(require('${package}').include_dir)"
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/..
    OUTPUT_VARIABLE directory OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE failure ERROR_VARIABLE reason)
  if(failure)
    message(FATAL_ERROR "The npm package ${package} was not found: run 'npm install' first.\n${reason}")
  endif()
  set(${result} ${directory} PARENT_SCOPE)
endfunction()

node_package_include_dir(node-addon-api node_addon_api_dir)
node_package_include_dir(node-api-headers node_api_headers_dir)

add_library(NodeApi INTERFACE)
target_include_directories(NodeApi SYSTEM INTERFACE ${node_addon_api_dir} ${node_api_headers_dir})
# A worker thread may be terminated in the middle of a call. Nothing can be thrown then, and that is no reason to abort.
target_compile_definitions(NodeApi INTERFACE
  NAPI_VERSION=9 NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
if(APPLE)
  target_link_options(NodeApi INTERFACE LINKER:-undefined,dynamic_lookup)
endif()
