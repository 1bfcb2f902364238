/* The STAC 1.0 item that goes with a frame's products. */
#include "cloudmask.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static const double degree = 57.295779513082320877;

/* UTM (WGS 84) to longitude and latitude in degrees, by Krueger's series in the third
 * flattening n to the third order: well under a millimetre inside a zone. */
static void utm_to_lonlat(const struct frame *f, double east, double north, double lonlat[2]) {
    const double a = 6378137.0, flattening = 1 / 298.257223563, k0 = 0.9996;
    const double n = flattening / (2 - flattening), n2 = n * n, n3 = n2 * n;
    const double radius = a / (1 + n) * (1 + n2 / 4 + n2 * n2 / 64);
    const double beta[] = {n / 2 - 2 * n2 / 3 + 37 * n3 / 96, n2 / 48 + n3 / 15, 17 * n3 / 480};
    const double delta[] = {2 * n - 2 * n2 / 3 - 2 * n3, 7 * n2 / 3 - 8 * n3 / 5, 56 * n3 / 15};
    double xi = (north - (f->south ? 1e7 : 0)) / (k0 * radius), eta = (east - 5e5) / (k0 * radius);
    double xi1 = xi, eta1 = eta;
    for (int j = 1; j <= 3; j++) {
        xi1 -= beta[j - 1] * sin(2 * j * xi) * cosh(2 * j * eta);
        eta1 -= beta[j - 1] * cos(2 * j * xi) * sinh(2 * j * eta);
    }
    double chi = asin(sin(xi1) / cosh(eta1)), latitude = chi;
    for (int j = 1; j <= 3; j++)
        latitude += delta[j - 1] * sin(2 * j * chi);
    lonlat[0] = f->zone * 6 - 183 + atan2(sinh(eta1), cos(xi1)) * degree;
    lonlat[1] = latitude * degree;
}

/* The frame's outline as a GeoJSON polygon, counter-clockwise, and its bounding box. */
static void write_place(struct text *out, const struct frame *f) {
    if (!f->zone) { /* no place: the item then has a null geometry and no bbox */
        put(out, "  \"geometry\": null,\n");
        return;
    }
    double east = f->east + (double)f->samples * f->step_x, north = f->north - (double)f->lines * f->step_y;
    double corner[4][2], box[4] = {180, 90, -180, -90};
    utm_to_lonlat(f, f->east, north, corner[0]);
    utm_to_lonlat(f, east, north, corner[1]);
    utm_to_lonlat(f, east, f->north, corner[2]);
    utm_to_lonlat(f, f->east, f->north, corner[3]);
    put(out, "  \"geometry\": {\"type\": \"Polygon\", \"coordinates\": [[");
    for (int i = 0; i <= 4; i++) {
        const double *c = corner[i % 4];
        put(out, "%s[%.7f, %.7f]", i ? ", " : "", c[0], c[1]);
        for (int k = 0; k < 2; k++) {
            box[k] = fmin(box[k], c[k]);
            box[2 + k] = fmax(box[2 + k], c[k]);
        }
    }
    put(out, "]]},\n  \"bbox\": [%.7f, %.7f, %.7f, %.7f],\n", box[0], box[1], box[2], box[3]);
}

/* A frame that does not say when it was taken was taken between the launch of
 * Sentinel-2A and now; STAC wants an interval where there is no datetime. */
static void write_time(struct text *out, const struct frame *f) {
    if (*f->acquired) {
        put(out, "    \"datetime\": \"%s\",\n", f->acquired);
        return;
    }
    char now[32] = "9999-12-31T23:59:59Z";
    time_t t = time(NULL);
    struct tm *utc = gmtime(&t);
    if (utc)
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", utc);
    put(out,
        "    \"datetime\": null,\n    \"start_datetime\": \"2015-06-23T00:00:00Z\",\n"
        "    \"end_datetime\": \"%s\",\n",
        now);
}

static void write_string(struct text *out, const char *s) {
    put(out, "\"");
    for (; *s; s++) {
        if ((unsigned char)*s < 32)
            put(out, "\\u%04x", *s);
        else
            put(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    }
    put(out, "\"");
}

static void write_asset(struct text *out, const char *key, const char *name, const char *suffix, const char *type,
                        const char *title, const char *end) {
    char file[NAME_MAX_LEN + 16];
    snprintf(file, sizeof file, "./%s%s", name, suffix);
    put(out, "    \"%s\": {\"href\": ", key);
    write_string(out, file);
    put(out, ", \"type\": \"%s\", \"title\": \"%s\", \"roles\": [\"%s\"]}%s\n", type, title,
            *type == 't' ? "metadata" : "data", end);
}

void stac_item(struct text *out, const struct frame *f, const struct verdict *v) {
    put(out, "{\n  \"type\": \"Feature\",\n  \"stac_version\": \"1.0.0\",\n"
                 "  \"stac_extensions\": [\"https://stac-extensions.github.io/eo/v1.1.0/schema.json\"],\n  \"id\": ");
    write_string(out, f->name);
    put(out, ",\n");
    write_place(out, f);
    put(out, "  \"properties\": {\n");
    write_time(out, f);
    put(out,
            "    \"eo:cloud_cover\": %.4f,\n    \"cloudmask:decision\": \"%s\",\n"
            "    \"cloudmask:max_cloud\": %g,\n    \"cloudmask:threshold\": %g,\n"
            "    \"cloudmask:average\": %d,\n    \"cloudmask:dilate\": %d\n  },\n  \"links\": [],\n  \"assets\": {\n",
            v->cloud_cover, v->cloud_cover <= v->max_cloud ? "keep" : "drop", v->max_cloud, v->mask->threshold,
            v->mask->average, v->mask->dilate);
    const char *data = "application/octet-stream";
    write_asset(out, "clp", f->name, ".clp.img", data, "cloud probability, 0 to 1", ",");
    write_asset(out, "clp_header", f->name, ".clp.hdr", "text/plain", "ENVI header of clp", ",");
    write_asset(out, "mask", f->name, ".mask.img", data, "cloud mask, 1 cloud, 0 clear", ",");
    write_asset(out, "mask_header", f->name, ".mask.hdr", "text/plain", "ENVI header of mask", "");
    put(out, "  }\n}\n");
}
