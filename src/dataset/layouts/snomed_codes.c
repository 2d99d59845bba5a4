/* SPDX-License-Identifier: Apache-2.0 */
/* SNOMED CT codes of the PhysioNet/CinC Challenge 2021: 26 scored classes, equivalent codes in one (Reyna et al. 2021). */
#include <string.h>

#include "dataset/layouts/layout.h"

const snomed_class snomed_classes[] = {
    {"164889003", "AF"},
    {"164890007", "AFL"},
    {"6374002", "BBB"},
    {"426627000", "Brady"},
    {"733534002|164909002", "CLBBB|LBBB"},
    {"713427006|59118001", "CRBBB|RBBB"},
    {"270492004", "IAVB"},
    {"713426002", "IRBBB"},
    {"39732003", "LAD"},
    {"445118002", "LAnFB"},
    {"164947007", "LPR"},
    {"251146004", "LQRSV"},
    {"111975006", "LQT"},
    {"698252002", "NSIVCB"},
    {"426783006", "NSR"},
    {"284470004|63593006", "PAC|SVPB"},
    {"10370003", "PR"},
    {"365413008", "PRWP"},
    {"427172004|17338001", "PVC|VPB"},
    {"164917005", "QAb"},
    {"47665007", "RAD"},
    {"427393009", "SA"},
    {"426177001", "SB"},
    {"427084000", "STach"},
    {"164934002", "TAb"},
    {"59931005", "TInv"},
};
const size_t snomed_class_count = sizeof snomed_classes / sizeof *snomed_classes;

/* CPSC 2018 was published in words; the codes are those of the Challenge's own conversion of the same recordings. */
const char *snomed_from_word(const char *word)
{
    static const struct {
        const char *word, *code;
    } known[] = {
        {"Normal", "426783006"}, {"SNR", "426783006"}, {"AF", "164889003"},  {"I-AVB", "270492004"}, {"LBBB", "164909002"},
        {"RBBB", "59118001"},    {"PAC", "284470004"}, {"PVC", "427172004"}, {"STD", "429622005"},   {"STE", "164931005"},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (strcmp(known[k].word, word) == 0) return known[k].code;
    }
    return word;
}
