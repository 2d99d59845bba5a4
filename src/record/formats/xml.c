/* SPDX-License-Identifier: Apache-2.0 */
#include "record/formats/xml.h"

#include <ctype.h>
#include <libxml/parser.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static void ignore_message(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

/* "<!ENTITY" in UTF-8 or UTF-16. */
static bool declares_entities(const format_input *input)
{
    static const char word[] = "<!ENTITY";
    size_t n = 0;
    for (size_t k = 0; k < input->size; k++) {
        char c = (char)input->data[k];
        if (c == '\0') continue;
        n = c == word[n] ? n + 1 : c == word[0] ? 1 : 0;
        if (word[n] == '\0') return true;
    }
    return false;
}

pclr_status xml_open(xmlDocPtr *document, const format_input *input, pclr_error *error)
{
    *document = NULL;
    if (input->size > INT_MAX / 2)
        return error_set(error, PCLR_E_FORMAT, "%s: %zu bytes of XML; expected less than a gigabyte; this is no recording", input->path,
                         input->size);
    if (declares_entities(input))
        return error_set(error, PCLR_E_FORMAT,
                         "%s: declares XML entities; expected none, they are refused for safety; take the declarations out", input->path);
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    if (!parser) return error_memory(error, 0);
    parser->sax->error = ignore_message;
    parser->sax->warning = ignore_message;
    xmlDocPtr d = xmlCtxtReadMemory(parser, (const char *)input->data, (int)input->size, NULL, NULL,
                                    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    int line = parser->lastError.line;
    char what[128];
    snprintf(what, sizeof what, "%s", parser->lastError.message ? parser->lastError.message : "no element");
    what[strcspn(what, "\n")] = '\0';
    xmlFreeParserCtxt(parser);
    if (!d || !xmlDocGetRootElement(d)) {
        if (d) xmlFreeDoc(d);
        return error_set(error, PCLR_E_FORMAT, "%s:%d: %s; expected well-formed XML; the file is damaged, get it again", input->path, line,
                         what);
    }
    *document = d;
    return PCLR_OK;
}

bool xml_begins_with(const format_input *input, const char *root)
{
    char plain[4097];
    size_t n = 0, wanted = strlen(root);

    for (size_t k = 0; k < input->size && k < 8192 && n < sizeof plain - 1; k++) {
        if (input->data[k] != 0) plain[n++] = (char)input->data[k];
    }
    plain[n] = '\0';
    for (const char *p = strchr(plain, '<'); p; p = strchr(p + 1, '<')) {
        if (strncmp(p, "<!--", 4) == 0) {
            p = strstr(p, "-->");
            if (!p) return false;
            continue;
        }
        if (p[1] == '?' || p[1] == '!') continue;
        const char *name = p + 1, *colon = name + strcspn(name, ": >\r\n\t/");
        if (*colon == ':') name = colon + 1;
        return strncmp(name, root, wanted) == 0 && !isalnum((unsigned char)name[wanted]);
    }
    return false;
}

static bool is_named(xmlNodePtr node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

xmlNodePtr xml_child(xmlNodePtr parent, const char *name)
{
    for (xmlNodePtr n = parent ? parent->children : NULL; n; n = n->next) {
        if (is_named(n, name)) return n;
    }
    return NULL;
}

xmlNodePtr xml_next(xmlNodePtr after, const char *name)
{
    for (xmlNodePtr n = after ? after->next : NULL; n; n = n->next) {
        if (is_named(n, name)) return n;
    }
    return NULL;
}

xmlNodePtr xml_path(xmlNodePtr parent, const char *path)
{
    char name[64];
    while (parent && *path) {
        size_t n = strcspn(path, "/");
        if (n >= sizeof name) return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        parent = xml_child(parent, name);
        path += n + (path[n] == '/');
    }
    return parent;
}

xmlNodePtr xml_find(xmlNodePtr root, const char *name)
{
    for (xmlNodePtr n = root; n;) { /* a walk without recursion: depth comes from the file */
        if (is_named(n, name)) return n;
        if (n->type == XML_ELEMENT_NODE && n->children) {
            n = n->children;
            continue;
        }
        while (n && n != root && !n->next) n = n->parent;
        if (!n || n == root) return NULL;
        n = n->next;
    }
    return NULL;
}

static void copy_trimmed(const char *from, char *out, size_t size)
{
    out[0] = '\0';
    if (!from) return;
    while (isspace((unsigned char)*from)) from++;
    size_t n = strlen(from);
    while (n > 0 && isspace((unsigned char)from[n - 1])) n--;
    if (n >= size) return;
    memcpy(out, from, n);
    out[n] = '\0';
}

void xml_text(xmlNodePtr node, char *out, size_t size)
{
    xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
    copy_trimmed((const char *)content, out, size);
    xmlFree(content);
}

void xml_attribute(xmlNodePtr node, const char *name, char *out, size_t size)
{
    xmlChar *value = node ? xmlGetProp(node, (const xmlChar *)name) : NULL;
    copy_trimmed((const char *)value, out, size);
    xmlFree(value);
}

bool xml_number(xmlNodePtr node, double *value)
{
    char word[64];
    xml_text(node, word, sizeof word);
    return parse_double(word, value);
}
