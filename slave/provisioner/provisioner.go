// Package provisioner gives containers the file systems of images.
//
// A [Store] has the layers of images, a backend makes a file system of them, and a [Provisioner] knows which containers
// have which:
//
//	<work_dir>/provisioner/containers/<id>/layers                                ContainerLayers
//	                                       backends/<backend>/rootfses/<uuid>    the file system
//	                                       backends/<backend>/scratch/<uuid>     what the backend needs besides
//	                                       containers/<id>/…                     the containers nested in it
//
// Mesos: src/slave/containerizer/mesos/provisioner.
package provisioner
