// The files that the daemon serves, so that the program needs none beside it.
#include "CAssets.h"

#include <string.h>

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char openapi[] = {
#embed "../inspectd/Daemon/API/openapi.json"
};

#define ASSET(file, media, content) {file, media, content, sizeof content}

static const struct fi_asset assets[] = {
    ASSET("openapi.json", "application/json", openapi),
};

const struct fi_asset *fi_asset(const char *name) {
    for (size_t i = 0; i < sizeof assets / sizeof *assets; i++)
        if (strcmp(assets[i].name, name) == 0) return &assets[i];
    return NULL;
}
