// The order of versions (UAPI.10, Version Format Specification).
#pragma once

/// Less than, equal to or greater than 0.
int version_compare(const char* a, const char* b);
