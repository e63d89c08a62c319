// Vite takes a style sheet as a module without exports.
declare module '*.css';
