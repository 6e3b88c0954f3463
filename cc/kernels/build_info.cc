// Names the TensorFlow that the shared object was built for, where the Python loader can read it
// even if the object cannot be loaded.

#define AFFINITY_SEG_TEXT_(x) #x
#define AFFINITY_SEG_TEXT(x) AFFINITY_SEG_TEXT_(x)

extern "C" const char affinity_seg_built_for[];
extern "C" const char affinity_seg_built_for[] =
    "affinity_seg built for tensorflow " AFFINITY_SEG_TEXT(AFFINITY_SEG_TENSORFLOW) ";";
