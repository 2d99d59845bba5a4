/* SPDX-License-Identifier: Apache-2.0 */
#include <yaml.h>

#include "base/file.h"
#include "base/memory.h"
#include "study/plan.h"

enum { MAX_DEPTH = 32 };

static json_t *convert(yaml_document_t *document, int index, int depth);

static json_t *convert_list(yaml_document_t *document, const yaml_node_t *node, int depth)
{
    json_t *list = json_array();
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++)
        json_array_append_new(list, convert(document, *item, depth + 1));
    return list;
}

static json_t *convert_mapping(yaml_document_t *document, const yaml_node_t *node, int depth)
{
    json_t *mapping = json_object();
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key && key->type == YAML_SCALAR_NODE)
            json_object_set_new(mapping, (const char *)key->data.scalar.value, convert(document, pair->value, depth + 1));
    }
    return mapping;
}

static json_t *convert(yaml_document_t *document, int index, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(document, index);
    if (!node || depth > MAX_DEPTH) return json_null();
    if (node->type == YAML_SEQUENCE_NODE) return convert_list(document, node, depth);
    if (node->type == YAML_MAPPING_NODE) return convert_mapping(document, node, depth);
    return json_string((const char *)node->data.scalar.value);
}

pclr_status study_yaml(json_t **root, const char *path, pclr_error *error)
{
    char *data = NULL;
    size_t size = 0;
    yaml_parser_t parser;
    yaml_document_t document;
    *root = NULL;
    TRY(file_read(path, 1 << 20, &data, &size, error));
    if (!yaml_parser_initialize(&parser)) {
        mem_free(data);
        return error_memory(error, sizeof parser);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, size);
    pclr_status status = PCLR_OK;
    if (!yaml_parser_load(&parser, &document)) {
        status = error_set(error, PCLR_E_FORMAT, "%s:%zu: not YAML: %s", path, parser.problem_mark.line + 1,
                           parser.problem ? parser.problem : "unknown problem");
    } else {
        const yaml_node_t *top = yaml_document_get_root_node(&document);
        if (top && top->type == YAML_MAPPING_NODE)
            *root = convert_mapping(&document, top, 0);
        else
            status = error_set(error, PCLR_E_FORMAT, "%s: expected a mapping of keys such as tasks and objectives", path);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    mem_free(data);
    return status;
}
