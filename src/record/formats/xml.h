/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers over libxml2: no network, no entities, names without regard to name spaces. */
#ifndef PCLR_RECORD_FORMATS_XML_H
#define PCLR_RECORD_FORMATS_XML_H

#include <libxml/tree.h>

#include "record/formats/format.h"

/* Parses the whole input; entity declarations are refused (they can blow up or read other files). Free with xmlFreeDoc. */
pclr_status xml_open(xmlDocPtr *document, const format_input *input, pclr_error *error);
/* Does a document begin with this root element? Looks at the first 4 KB only, UTF-16 included. */
bool xml_begins_with(const format_input *input, const char *root);
/* First child element of that name, or the next one after `after`; NULL. */
xmlNodePtr xml_child(xmlNodePtr parent, const char *name);
xmlNodePtr xml_next(xmlNodePtr after, const char *name);
/* Child of a child of ... by "a/b/c"; NULL. */
xmlNodePtr xml_path(xmlNodePtr parent, const char *path);
/* First element of that name anywhere below, depth first. */
xmlNodePtr xml_find(xmlNodePtr root, const char *name);
/* Content and attribute as trimmed text in out ("" when there is none or it does not fit). */
void xml_text(xmlNodePtr node, char *out, size_t size);
void xml_attribute(xmlNodePtr node, const char *name, char *out, size_t size);
bool xml_number(xmlNodePtr node, double *value);

#endif
