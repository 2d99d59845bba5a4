/* SPDX-License-Identifier: Apache-2.0 */
#include "study/plan.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const char *const plan_keys[] = {"tasks",  "split",     "evaluate", "objectives", "encoders", "methods",
                                        "inputs", "fractions", "seeds",    "ablation",   "set",      "pretrain"};
static const char *const arm_keys[] = {"name", "objective", "set", "methods", "inputs", "pretrain", "after"};

enum { PLAN_KEYS = sizeof plan_keys / sizeof *plan_keys, ARM_KEYS = sizeof arm_keys / sizeof *arm_keys };

static pclr_status check_keys(json_t *mapping, const char *path, const char *const *known, size_t count, pclr_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(mapping, key, value)
    {
        bool found = false;
        for (size_t k = 0; k < count && !found; k++) found = strcmp(known[k], key) == 0;
        if (found) continue;
        const char *near = text_nearest(key, known, count);
        return error_set(error, PCLR_E_ARGUMENT, "%s: unknown key \"%s\"; did you mean \"%s\"?", path, key, near ? near : known[0]);
    }
    return PCLR_OK;
}

/* A list of texts under `key`; where absent `fallback` (comma-separated) is put in its place. */
static pclr_status list_of(json_t *root, const char *path, const char *key, const char *fallback, const json_t **out, pclr_error *error)
{
    json_t *list = json_object_get(root, key);
    if (!list) {
        char **word = NULL;
        size_t count = 0;
        list = json_array();
        TRY(text_split(fallback, ',', &word, &count, error));
        for (size_t k = 0; k < count; k++) json_array_append_new(list, json_string(word[k]));
        mem_free(word);
        json_object_set_new(root, key, list);
    }
    *out = list;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return error_set(error, PCLR_E_ARGUMENT, "%s: %s: expected a list, e.g. [%s]", path, key, fallback);
    for (size_t k = 0; k < json_array_size(list); k++)
        if (!json_is_string(json_array_get(list, k)))
            return error_set(error, PCLR_E_ARGUMENT, "%s: %s: entry %zu is no plain value", path, key, k + 1);
    return PCLR_OK;
}

/* Terms and choices of PhysioCLR, each switched off (or set otherwise) alone. */
static const char *const terms[][2] = {
    {"without shuffled view", "{\"objective.positives_shuffle\": \"false\"}"},
    {"without pairs", "{\"objective.positives_pair\": \"false\"}"},
    {"without neighbours", "{\"objective.positives_neighbours\": \"false\"}"},
    {"without contrast", "{\"objective.contrastive\": \"none\"}"},
    {"without reconstruction", "{\"objective.alpha\": \"0\", \"objective.beta\": \"0\"}"},
    {"without peak term", "{\"objective.beta\": \"0\"}"},
    {"without feature regression", "{\"objective.regression\": \"0\"}"},
    {"denominator of all", "{\"objective.denominator\": \"all\"}"},
    {"contrast as released", "{\"objective.contrastive\": \"official\"}"},
};
enum { TERMS = sizeof terms / sizeof *terms };

/* The first entry that pretrains by PhysioCLR; NULL: the plan has none. */
static json_t *find_physioclr(json_t *objectives)
{
    for (size_t k = 0; k < json_array_size(objectives); k++) {
        json_t *entry = json_array_get(objectives, k);
        const char *name = json_is_string(entry) ? json_string_value(entry) : json_string_value(json_object_get(entry, "objective"));
        if (!name) name = json_string_value(json_object_get(entry, "name"));
        if (name && strcmp(name, "physioclr") == 0) return entry;
    }
    return NULL;
}

static void add_ablation(json_t *objectives)
{
    json_t *whole = find_physioclr(objectives);
    for (size_t k = 0; k < TERMS; k++) {
        json_t *arm = json_is_object(whole) ? json_deep_copy(whole) : json_object(), *change = json_loads(terms[k][1], 0, NULL);
        json_t *set = json_object_get(arm, "set");
        json_object_set_new(arm, "name", json_string(terms[k][0]));
        json_object_set_new(arm, "objective", json_string("physioclr"));
        if (json_is_object(set))
            json_object_update(set, change);
        else
            json_object_set(arm, "set", change);
        json_decref(change);
        json_array_append_new(objectives, arm);
    }
}

/* Words for "random", "supervised", "features", "trees", which need no pretraining. */
static void apply_special(study_arm *arm, json_t *entry)
{
    const char *objective = arm->objective;
    bool random = strcmp(objective, "random") == 0, supervised = strcmp(objective, "supervised") == 0,
         features = strcmp(objective, "features") == 0, boosted = strcmp(objective, "trees") == 0;
    if (!random && !supervised && !features && !boosted) return;
    arm->objective = NULL;
    json_object_set_new(entry, "methods", json_pack("[s]", boosted ? "trees" : supervised ? "finetune" : "probe"));
    arm->methods = json_object_get(entry, "methods");
    if (!features && !boosted) return;
    json_object_set_new(entry, "inputs", json_pack("[s]", "features"));
    arm->inputs = json_object_get(entry, "inputs");
    arm->seeded = boosted;
}

/* An optional text under `key`; NULL where absent. */
static pclr_status text_of(const json_t *mapping, const char *path, const char *key, const char **out, pclr_error *error)
{
    const json_t *value = json_object_get(mapping, key);
    *out = json_string_value(value);
    if (value && !*out) return error_set(error, PCLR_E_ARGUMENT, "%s: %s: expected one plain value", path, key);
    return PCLR_OK;
}

/* The earlier arm that `entry` goes on from. */
static pclr_status find_after(const study_plan *plan, const json_t *entry, study_arm *arm, const char *path, pclr_error *error)
{
    const char *after = NULL;
    arm->after = -1;
    TRY(text_of(entry, path, "after", &after, error));
    if (!after) return PCLR_OK;
    for (size_t k = 0; k < plan->arms; k++)
        if (strcmp(plan->arm[k].name, after) == 0 && plan->arm[k].objective) arm->after = (ptrdiff_t)k;
    if (arm->after >= 0) return PCLR_OK;
    return error_set(error, PCLR_E_ARGUMENT, "%s: after: \"%s\" is no pretrained entry above \"%s\"", path, after, arm->name);
}

static pclr_status read_arm(study_plan *plan, json_t *objectives, size_t k, const char *path, const json_t *methods, const json_t *inputs,
                            pclr_error *error)
{
    json_t *entry = json_array_get(objectives, k);
    study_arm *arm = &plan->arm[k];
    if (json_is_string(entry)) {
        json_t *mapping = json_object();
        json_object_set_new(mapping, "name", json_string(json_string_value(entry)));
        json_array_set_new(objectives, k, mapping);
        entry = mapping;
    }
    if (!json_is_object(entry))
        return error_set(error, PCLR_E_ARGUMENT, "%s: objectives: entry %zu: expected a name or a mapping", path, k + 1);
    TRY(check_keys(entry, path, arm_keys, ARM_KEYS, error));
    arm->name = json_string_value(json_object_get(entry, "name"));
    arm->objective = json_string_value(json_object_get(entry, "objective"));
    if (!arm->name) arm->name = arm->objective;
    if (!arm->objective) arm->objective = arm->name;
    if (!arm->name) return error_set(error, PCLR_E_ARGUMENT, "%s: objectives: entry %zu has neither name nor objective", path, k + 1);
    arm->set = json_object_get(entry, "set");
    arm->methods = methods;
    arm->inputs = inputs;
    arm->seeded = true;
    if (json_object_get(entry, "methods")) TRY(list_of(entry, path, "methods", "probe", &arm->methods, error));
    if (json_object_get(entry, "inputs")) TRY(list_of(entry, path, "inputs", "embedding", &arm->inputs, error));
    TRY(text_of(json_object_get(entry, "pretrain") ? entry : plan->root, path, "pretrain", &arm->pretrain, error));
    TRY(find_after(plan, entry, arm, path, error));
    apply_special(arm, entry);
    return PCLR_OK;
}

static pclr_status read_arms(study_plan *plan, const char *path, bool with_ablation, const json_t *methods, const json_t *inputs,
                             pclr_error *error)
{
    json_t *objectives = json_object_get(plan->root, "objectives");
    const char *asked = json_string_value(json_object_get(plan->root, "ablation"));
    bool on = false;
    if (!json_is_array(objectives) || json_array_size(objectives) == 0)
        return error_set(error, PCLR_E_ARGUMENT, "%s: objectives: expected a list, e.g. [physioclr, simclr, random, features]", path);
    if (asked && !parse_bool(asked, &on))
        return error_set(error, PCLR_E_ARGUMENT, "%s: ablation: found \"%s\", expected true or false", path, asked);
    if (on || with_ablation) add_ablation(objectives);
    TRY(mem_alloc(&plan->arm, json_array_size(objectives), sizeof *plan->arm, error));
    for (size_t k = 0; k < json_array_size(objectives); k++, plan->arms++) TRY(read_arm(plan, objectives, k, path, methods, inputs, error));
    return PCLR_OK;
}

/* Adds "KEY=VALUE" to the plan's `set`. */
static pclr_status set_key(json_t *root, const char *path, const char *setting, pclr_error *error)
{
    const char *equals = strchr(setting, '=');
    if (!json_object_get(root, "set")) json_object_set_new(root, "set", json_object());
    json_t *set = json_object_get(root, "set");
    if (!equals || equals == setting) return error_set(error, PCLR_E_ARGUMENT, "setting \"%s\": expected KEY=VALUE", setting);
    if (!json_is_object(set)) return error_set(error, PCLR_E_ARGUMENT, "%s: set: expected a mapping of keys such as train.steps", path);
    char *key = NULL;
    TRY(mem_strndup(&key, setting, (size_t)(equals - setting), error));
    const int failed = json_object_set_new(set, key, json_string(equals + 1));
    mem_free(key);
    return failed ? error_set(error, PCLR_E_ARGUMENT, "setting \"%s\" is no UTF-8", setting) : PCLR_OK;
}

pclr_status study_plan_read(study_plan *plan, const char *path, const pclr_study_options *options, pclr_error *error)
{
    const json_t *methods = NULL, *inputs = NULL;
    *plan = (study_plan){0};
    TRY(study_yaml(&plan->root, path, error));
    TRY(check_keys(plan->root, path, plan_keys, PLAN_KEYS, error));
    if (options->tasks) json_object_del(plan->root, "tasks");
    if (options->split) json_object_set_new(plan->root, "split", json_string(options->split));
    if (!options->tasks && !json_object_get(plan->root, "tasks"))
        return error_set(error, PCLR_E_ARGUMENT, "%s: tasks: expected a list of the dataset's tasks", path);
    TRY(list_of(plan->root, path, "tasks", options->tasks ? options->tasks : "", &plan->tasks, error));
    TRY(list_of(plan->root, path, "encoders", "default", &plan->encoders, error));
    TRY(list_of(plan->root, path, "methods", "probe", &methods, error));
    TRY(list_of(plan->root, path, "inputs", "embedding", &inputs, error));
    TRY(list_of(plan->root, path, "fractions", "0.01, 0.05, 0.1, 0.25, 1", &plan->fractions, error));
    TRY(list_of(plan->root, path, "seeds", "1, 2, 3", &plan->seeds, error));
    plan->split = json_string_value(json_object_get(plan->root, "split"));
    plan->evaluate = json_string_value(json_object_get(plan->root, "evaluate"));
    for (size_t k = 0; k < options->settings; k++) TRY(set_key(plan->root, path, options->set[k], error));
    plan->set = json_object_get(plan->root, "set");
    if (plan->evaluate && strcmp(plan->evaluate, "test") != 0 && strcmp(plan->evaluate, "validation") != 0)
        return error_set(error, PCLR_E_ARGUMENT, "%s: evaluate: found \"%s\", expected test or validation", path, plan->evaluate);
    return read_arms(plan, path, options->ablation, methods, inputs, error);
}

void study_plan_free(study_plan *plan)
{
    json_decref(plan->root);
    mem_release(&plan->arm);
    plan->root = NULL;
}
