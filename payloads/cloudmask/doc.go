// Package cloudmask draws what the payload of the same name computes and holds
// its tests; it is not the payload, which is the C program beside it.
//
// The C program finds clouds in Sentinel-2 frames (README.md here). This package
// reads its input and output, ENVI rasters, and turns them into a picture that a
// person can judge at a glance:
//
//	img, err := cloudmask.Picture("in/frame0.img", "out/frame0.clp.img", "out/frame0.mask.img")
//	if err == nil {
//		err = png.Encode(file, img)
//	}
//
// [Raster] is the main type: the bands of one ENVI file. It reads what the demo
// and the tests need (uint8, uint16 and float32, any interleave and byte order)
// and is no general ENVI library.
package cloudmask
