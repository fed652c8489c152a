// The files that the daemon serves, so that the program needs none beside it.
#include "CAssets.h"

#include <string.h>

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char openapi_json[] = {
#embed "../inspectd/Daemon/API/openapi.json"
};
static const unsigned char api_js[] = {
#embed "../inspectd/Page/api.js"
};
static const unsigned char app_css[] = {
#embed "../inspectd/Page/app.css"
};
static const unsigned char app_js[] = {
#embed "../inspectd/Page/app.js"
};
static const unsigned char dom_js[] = {
#embed "../inspectd/Page/dom.js"
};
static const unsigned char findings_js[] = {
#embed "../inspectd/Page/findings.js"
};
static const unsigned char format_js[] = {
#embed "../inspectd/Page/format.js"
};
static const unsigned char frame_js[] = {
#embed "../inspectd/Page/frame.js"
};
static const unsigned char guests_js[] = {
#embed "../inspectd/Page/guests.js"
};
static const unsigned char history_js[] = {
#embed "../inspectd/Page/history.js"
};
static const unsigned char index_html[] = {
#embed "../inspectd/Page/index.html"
};
static const unsigned char live_js[] = {
#embed "../inspectd/Page/live.js"
};
static const unsigned char map_js[] = {
#embed "../inspectd/Page/map.js"
};
static const unsigned char mapcard_js[] = {
#embed "../inspectd/Page/mapcard.js"
};
static const unsigned char mapinput_js[] = {
#embed "../inspectd/Page/mapinput.js"
};
static const unsigned char order_js[] = {
#embed "../inspectd/Page/order.js"
};
static const unsigned char overlay_js[] = {
#embed "../inspectd/Page/overlay.js"
};
static const unsigned char palette_js[] = {
#embed "../inspectd/Page/palette.js"
};
static const unsigned char parts_css[] = {
#embed "../inspectd/Page/parts.css"
};
static const unsigned char parts_js[] = {
#embed "../inspectd/Page/parts.js"
};
static const unsigned char pins_js[] = {
#embed "../inspectd/Page/pins.js"
};
static const unsigned char plot_js[] = {
#embed "../inspectd/Page/plot.js"
};
static const unsigned char theme_js[] = {
#embed "../inspectd/Page/theme.js"
};
static const unsigned char tiles_js[] = {
#embed "../inspectd/Page/tiles.js"
};

#define ASSET(file, media, content) {file, media, content, sizeof content}

static const struct fi_asset assets[] = {
    ASSET("openapi.json", "application/json", openapi_json),
    ASSET("api.js", "text/javascript; charset=utf-8", api_js),
    ASSET("app.css", "text/css; charset=utf-8", app_css),
    ASSET("app.js", "text/javascript; charset=utf-8", app_js),
    ASSET("dom.js", "text/javascript; charset=utf-8", dom_js),
    ASSET("findings.js", "text/javascript; charset=utf-8", findings_js),
    ASSET("format.js", "text/javascript; charset=utf-8", format_js),
    ASSET("frame.js", "text/javascript; charset=utf-8", frame_js),
    ASSET("guests.js", "text/javascript; charset=utf-8", guests_js),
    ASSET("history.js", "text/javascript; charset=utf-8", history_js),
    ASSET("index.html", "text/html; charset=utf-8", index_html),
    ASSET("live.js", "text/javascript; charset=utf-8", live_js),
    ASSET("map.js", "text/javascript; charset=utf-8", map_js),
    ASSET("mapcard.js", "text/javascript; charset=utf-8", mapcard_js),
    ASSET("mapinput.js", "text/javascript; charset=utf-8", mapinput_js),
    ASSET("order.js", "text/javascript; charset=utf-8", order_js),
    ASSET("overlay.js", "text/javascript; charset=utf-8", overlay_js),
    ASSET("palette.js", "text/javascript; charset=utf-8", palette_js),
    ASSET("parts.css", "text/css; charset=utf-8", parts_css),
    ASSET("parts.js", "text/javascript; charset=utf-8", parts_js),
    ASSET("pins.js", "text/javascript; charset=utf-8", pins_js),
    ASSET("plot.js", "text/javascript; charset=utf-8", plot_js),
    ASSET("theme.js", "text/javascript; charset=utf-8", theme_js),
    ASSET("tiles.js", "text/javascript; charset=utf-8", tiles_js),
};

const struct fi_asset *fi_asset(const char *name) {
    for (size_t i = 0; i < sizeof assets / sizeof *assets; i++)
        if (strcmp(assets[i].name, name) == 0) return &assets[i];
    return NULL;
}
